#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "common/base/clock.hpp"
#include "common/postgres/client.hpp"
#include "common/redis/connection.hpp"
#include "pipeline/consumer/consumer_metrics.hpp"
#include "pipeline/consumer/redis_durability.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

// "stormlog:dlq:<topic>".
std::string dlq_stream(const std::string& topic);

struct DlqConfig {
  postgres::ConnectOptions postgres;
  redis::Url redis;
  redis::ConnectOptions redis_connection;
  std::string topic;
};

// Moves dead letters from the table, where they were written together with the offset, to the
// stream in Redis, with the fields id, code, reason, partition, offset, key, failed_at, payload.
//
// Each letter appears in the stream once: a script adds it together with a mark, the row is
// deleted, then the mark. Killed in between, the next try finds the mark. Several relays share the
// work. While Redis is away the letters stay in the table.
//
// Threads:  wake() from any thread; a thread of its own does the work.
// Lifetime: breakers, metrics and clock must outlive it; the destructor stops.
class DlqRelay {
 public:
  DlqRelay(DlqConfig config, std::shared_ptr<resilience::CircuitBreaker> postgres_breaker,
           std::shared_ptr<resilience::CircuitBreaker> redis_breaker,
           const ConsumerMetrics& metrics, const Clock& clock);
  ~DlqRelay();
  DlqRelay(const DlqRelay&) = delete;
  DlqRelay& operator=(const DlqRelay&) = delete;

  // There are new ones.
  void wake();

 private:
  void loop();
  // The number moved, 0 when there was none.
  Result<int> step();
  Result<int> move_page(postgres::Connection& db);
  Result<void> add_to_stream(const postgres::Rows& letters);
  void measure();
  void note_durability(std::span<const redis::Reply> replies);

  DlqConfig config_;
  std::shared_ptr<resilience::CircuitBreaker> postgres_breaker_;
  std::shared_ptr<resilience::CircuitBreaker> redis_breaker_;
  const ConsumerMetrics& metrics_;
  const Clock& clock_;
  postgres::Client db_;
  redis::Client redis_;
  std::optional<RedisDurability> durability_;  // as it was last told

  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = true;  // what an earlier life left behind
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace stormlog::pipeline
