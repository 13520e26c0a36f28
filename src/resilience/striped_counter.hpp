#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "resilience/thread_ordinal.hpp"

namespace stormlog::resilience {

// A counter whose writers share no cache line: adding costs the same with one thread and with many.
//
// Threads: thread-safe; a sum that is read while others add may lack what they are adding.
class StripedCounter {
 public:
  void add() {
    stripes_[thread_ordinal() % kStripes].value.fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t value() const {
    std::uint64_t sum = 0;
    for (const Stripe& stripe : stripes_) sum += stripe.value.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr unsigned kStripes = 16;
  struct alignas(64) Stripe {
    std::atomic<std::uint64_t> value{0};
  };
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace stormlog::resilience
