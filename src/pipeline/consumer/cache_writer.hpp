#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.hpp"
#include "common/redis/connection.hpp"
#include "pipeline/consumer/batch.hpp"
#include "pipeline/consumer/consumer_metrics.hpp"
#include "pipeline/consumer/recent_index.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

// "stormlog:log:<id>".
std::string cache_key(const Uuid& id);

// Bounds what the cache can hold at once: bytes written within the last time-to-live. Redis also
// keeps dead letters, which a full cache would lock out.
//
// Threads: caller synchronises.
class CacheBudget {
 public:
  CacheBudget(std::uint64_t max_bytes, std::chrono::milliseconds ttl)
      : max_bytes_(max_bytes), ttl_(ttl) {}
  // Whether that many more fit now; if so they are counted.
  bool admit(std::uint64_t bytes, MonotonicTime now);

 private:
  struct Slot {
    MonotonicTime begin;
    std::uint64_t bytes;
  };
  std::uint64_t max_bytes_;
  std::chrono::milliseconds ttl_;
  std::deque<Slot> slots_;  // of a second each
  std::uint64_t held_ = 0;
};

struct CacheConfig {
  redis::Url url;
  redis::ConnectOptions connection;
  std::chrono::milliseconds ttl{60'000};
  std::uint64_t max_bytes = 128'000'000;
  std::size_t queue_rows = 50'000;
};

// Puts what is stored into Redis, on a thread of its own, after the commit: the event under its
// cache_key(), and its place in the RecentIndex. It is a cache: what cannot be written is counted
// and forgotten, and nothing ever waits for it.
//
// Threads:  offer() from any thread.
// Lifetime: breaker, metrics and clock must outlive it; the destructor stops, without writing what
//           is queued.
class CacheWriter {
 public:
  CacheWriter(CacheConfig config, std::shared_ptr<resilience::CircuitBreaker> breaker,
              const ConsumerMetrics& metrics, const Clock& clock);
  ~CacheWriter();
  CacheWriter(const CacheWriter&) = delete;
  CacheWriter& operator=(const CacheWriter&) = delete;

  // Never blocks. Rows beyond the queue are skipped.
  void offer(std::vector<LogRow>&& rows);

 private:
  void loop();
  void write(const std::vector<LogRow>& rows);
  void write_index();
  void write_chunk(const std::vector<redis::Command>& commands);
  Result<std::vector<redis::Reply>> send(const std::vector<redis::Command>& commands);

  CacheConfig config_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  const ConsumerMetrics& metrics_;
  const Clock& clock_;
  CacheBudget budget_;
  RecentIndex recent_;
  redis::Client redis_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::vector<LogRow>> queue_;
  std::size_t queued_rows_ = 0;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace stormlog::pipeline
