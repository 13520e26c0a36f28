#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "common/base/clock.hpp"

namespace stormlog::pipeline {

struct GatheringConfig {
  // A request that comes sooner than this after a batch has left waits for company. Raising it
  // costs as much latency under light load, and saves processor time: a batch costs gateway,
  // producer and Kafka a fifth of a millisecond, whatever is in it. A client that sends one request
  // after another is slowed down where Kafka answers sooner than this. 0: nobody waits.
  std::chrono::milliseconds patience{1};
  // So much does not wait.
  std::uint64_t enough_bytes = 8 * 1024;
};

// Whether what waits for a producer should wait for company. A request that comes after a pause
// leaves at once, and so does a crowd: only what trickles is held, by `patience` at the most.
//
// Threads: caller synchronises.
class Gathering {
 public:
  explicit Gathering(const GatheringConfig& config) : config_(config) {}

  void left(MonotonicTime now) {
    last_ = now;
    any_ = true;
  }
  // How long to wait; 0: leave now.
  Nanoseconds wait(MonotonicTime now, std::uint64_t bytes) const {
    if (!any_ || bytes >= config_.enough_bytes) return Nanoseconds{0};
    return std::max<Nanoseconds>(last_ + config_.patience - now, Nanoseconds{0});
  }

 private:
  const GatheringConfig config_;
  MonotonicTime last_{};
  bool any_ = false;
};

}  // namespace stormlog::pipeline
