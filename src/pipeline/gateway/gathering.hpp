#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/base/clock.hpp"

namespace stormlog::pipeline {

struct GatheringConfig {
  // A request that comes sooner than this after a batch has left waits for company. Raising it
  // costs as much latency under light load, and saves processor time: a batch costs gateway,
  // producer and Kafka a fifth of a millisecond, whatever is in it. 0: nobody waits.
  std::chrono::milliseconds patience{2};
  // So much does not wait.
  std::uint64_t enough_bytes = 32 * 1024;
};

// Whether what waits for a producer should wait for company. A request that comes after a pause
// leaves at once, and so does a crowd, and whoever has no company to expect: a client that waits
// for its answer sends nothing more, so that when as many wait as have lately waited at once, all
// are there. Only what trickles is held, by `patience` at the most.
//
// Threads: caller synchronises.
class Gathering {
 public:
  explicit Gathering(const GatheringConfig& config) : config_(config) {}

  // A request waits for its answer, and does no more.
  void began(MonotonicTime now) {
    ++waiting_;
    const Nanoseconds age = now - since_;
    if (age >= kLately) {
      before_ = age < 2 * kLately ? most_ : 0;
      most_ = 0;
      since_ = now;
    }
    most_ = std::max(most_, waiting_);
  }
  void ended() { --waiting_; }

  // A batch is on its way.
  void left(MonotonicTime now) {
    last_ = now;
    any_ = true;
  }
  // How long to wait; 0: leave now.
  Nanoseconds wait(MonotonicTime now, std::uint64_t bytes) const {
    if (!any_ || bytes >= config_.enough_bytes) return Nanoseconds{0};
    if (waiting_ >= std::max(most_, before_)) return Nanoseconds{0};
    return std::max<Nanoseconds>(last_ + config_.patience - now, Nanoseconds{0});
  }

 private:
  static constexpr std::chrono::milliseconds kLately{100};  // to 200

  const GatheringConfig config_;
  MonotonicTime last_{};
  bool any_ = false;
  std::size_t waiting_ = 0;
  std::size_t most_ = 0;    // that waited at once since `since_`
  std::size_t before_ = 0;  // the same of the time before
  MonotonicTime since_{};
};

}  // namespace stormlog::pipeline
