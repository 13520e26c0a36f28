#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/clock.hpp"

namespace stormlog::resilience {

// A small number that differs between the threads that run at the same time, as long as there are
// not more of them than it is taken modulo.
unsigned thread_ordinal();

// Successes (and rejections) that wait to be folded into window and totals, so that the hot path
// shares no cache line between threads and takes no lock.
//
// Each stripe holds generation, calls and summed duration in one word: adding is one
// compare-and-swap, which fails once the stripe belongs to another generation. That is what keeps a
// call of an earlier generation out of the window, whatever the threads' timing.
//
// Threads: add() and the rejections from any thread; the others by whoever holds the breaker's
//          mutex.
class SuccessStripes {
 public:
  struct Taken {
    std::uint64_t calls = 0;
    std::uint64_t nanoseconds = 0;
  };

  // False when it is to be recorded under the mutex: other generation, stripe full, too long a
  // duration for the word (4.2 s).
  bool add(std::uint64_t generation, Nanoseconds duration);
  // Takes all that was added, and accepts `generation` alone from now on.
  Taken take(std::uint64_t generation);
  // The longest duration since the last call.
  Nanoseconds take_max();

  void count_rejection() {
    stripes_[thread_ordinal() % kStripes].rejected.fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t rejections() const;

 private:
  static constexpr unsigned kStripes = 16;

  struct alignas(64) Stripe {
    std::atomic<std::uint64_t> pending{0};  // 20 bits generation | 12 calls | 32 nanoseconds
    std::atomic<std::int64_t> max{0};
    std::atomic<std::uint64_t> rejected{0};
  };
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace stormlog::resilience
