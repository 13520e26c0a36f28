#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/clock.hpp"

namespace stormlog::proxy {

// Upper bounds of the delay histogram, in seconds; beyond the last is +Inf.
inline constexpr std::array kDelayBuckets = {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1,
                                             0.25,   0.5,    1.0,   2.5,   5.0,  10.0,  30.0};

// A number that one thread writes and any may read.
class Tally {
 public:
  void add(std::uint64_t by) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// What one direction of one proxy has done on one worker.
//
// Threads: written by its worker alone, read by any.
struct DirectionCounters {
  Tally received;  // bytes read from the source
  Tally sent;      // bytes written to the destination
  std::array<Tally, kDelayBuckets.size() + 1> delays;
  Tally delay_sum;  // ns

  // How long a chunk was held back by toxics.
  void delayed(Nanoseconds by) {
    const double seconds = std::chrono::duration<double>(by).count();
    const auto bucket = std::lower_bound(kDelayBuckets.begin(), kDelayBuckets.end(), seconds);
    delays[static_cast<std::size_t>(bucket - kDelayBuckets.begin())].add(1);
    delay_sum.add(static_cast<std::uint64_t>(std::max<Nanoseconds::rep>(0, by.count())));
  }
};

// One proxy on one worker; in a cache line of its own, so that workers do not share any.
struct alignas(128) ProxyCounters {
  std::array<DirectionCounters, 2> direction;  // by Stream
  Tally connections;                           // accepted
  Tally failed;                                // upstream not reached
  Tally refused;                               // over the engine's limit
  Tally closed;
};

}  // namespace stormlog::proxy
