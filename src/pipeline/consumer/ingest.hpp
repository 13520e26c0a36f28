#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.hpp"
#include "common/kafka/consumer/consumer.hpp"
#include "pipeline/consumer/consumer_metrics.hpp"
#include "pipeline/consumer/intake.hpp"
#include "pipeline/consumer/position_board.hpp"
#include "pipeline/consumer/store.hpp"
#include "pipeline/consumer/writer.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

struct IngestConfig {
  kafka::ConsumerConfig kafka;
  Intake::Limits batch;
};

// The loop between Kafka and the store, on a thread of its own.
//
// Only what the store has committed counts. On assignment, after an outage and after a fenced write
// the affected partitions are positioned anew: their offsets are read from the store, and Kafka is
// read from there. So nothing that is in memory is ever needed, and kill -9 costs a re-read.
//
//   breaker closed:  poll → batch → one transaction (rows, dead letters, offsets) → Kafka commit as
//                    a hint → cache
//   breaker open:    partitions pause, buffers are dropped, polling goes on (the group is kept)
//   half open:       reading the offsets back is the trial call; it writes, too
//
// Threads:  start(), request_stop() and finished() from one thread; callbacks run on the loop's.
// Lifetime: what it is given must outlive it; the destructor stops and waits: for the flush of what
//           is buffered and for leaving the group.
class Ingest final : private kafka::RebalanceListener {
 public:
  struct Hooks {
    std::function<void(std::vector<LogRow>&&)> on_stored;  // rows that are committed
    std::function<void()> on_dead_letters;                 // some were committed
  };

  Ingest(IngestConfig config, LogStore& store, std::shared_ptr<resilience::CircuitBreaker> breaker,
         PositionBoard& board, const ConsumerMetrics& metrics, const Clock& clock, Hooks hooks);
  ~Ingest() override;

  void start();
  // Stops polling, flushes what is buffered, commits, leaves the group.
  void request_stop() { stop_.store(true, std::memory_order_release); }
  bool finished() const { return finished_.load(std::memory_order_acquire); }

 private:
  void on_assigned(const std::vector<int>& partitions) override;
  void on_revoked(const std::vector<int>& partitions, bool lost) override;

  void loop();
  bool ensure_client();
  void close_client();
  void pump();
  void take(kafka::Message&& message);
  void handle_error(const Error& error);
  void flush();
  void record(const FlushOutcome& outcome, Nanoseconds duration);
  void suspend(const Error& why);
  void position();
  Result<void> position_from(const std::map<int, std::int64_t>& stored);
  void hint(bool wait);
  void publish();
  bool warn_now(const std::string& code);
  void retry_in(std::chrono::milliseconds wait);

  IngestConfig config_;
  LogStore& store_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  PositionBoard& board_;
  const ConsumerMetrics& metrics_;
  const Clock& clock_;
  Hooks hooks_;

  Intake intake_;
  std::shared_ptr<kafka::Consumer> client_;
  bool rebuild_ = false;
  std::uint64_t assignment_ = 0;
  std::optional<WallTime> last_stored_produced_;
  MonotonicTime retry_at_{};  // no positioning before
  kafka::Offsets hints_;
  MonotonicTime hint_at_{};
  std::map<std::string, MonotonicTime> warned_;

  std::atomic<bool> stop_{false};
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

}  // namespace stormlog::pipeline
