#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/clock.hpp"
#include "resilience/thread_ordinal.hpp"

namespace stormlog::resilience {

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
  // duration for the word (4.2 s). `duration` is not negative.
  bool add(std::uint64_t generation, Nanoseconds duration) {
    const auto nanoseconds = static_cast<std::uint64_t>(duration.count());
    if (nanoseconds > kNanosecondMask) return false;
    // The word has room for 20 bits of the generation. A thread would have to sleep between this
    // load and the swap through exactly 2^20 state changes to be mistaken.
    const std::uint64_t tag = generation << kTagShift;
    Stripe& stripe = stripes_[thread_ordinal() % kStripes];
    std::uint64_t seen = stripe.pending.load(std::memory_order_relaxed);
    do {
      if ((seen ^ tag) >> kTagShift != 0) return false;
      if (((seen >> kNanosecondBits) & kCallMask) == kCallMask) return false;
      if ((seen & kNanosecondMask) + nanoseconds > kNanosecondMask) return false;
    } while (!stripe.pending.compare_exchange_weak(seen, seen + kOneCall + nanoseconds,
                                                   std::memory_order_relaxed));
    if (stripe.max.load(std::memory_order_relaxed) < duration.count()) raise_max(stripe, duration);
    return true;
  }
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
  // A stripe's word: 20 bits generation | 12 calls | 32 nanoseconds.
  static constexpr int kNanosecondBits = 32;
  static constexpr int kCallBits = 12;
  static constexpr int kTagShift = kNanosecondBits + kCallBits;
  static constexpr std::uint64_t kNanosecondMask = (std::uint64_t{1} << kNanosecondBits) - 1;
  static constexpr std::uint64_t kCallMask = (std::uint64_t{1} << kCallBits) - 1;
  static constexpr std::uint64_t kOneCall = std::uint64_t{1} << kNanosecondBits;

  struct alignas(64) Stripe {
    std::atomic<std::uint64_t> pending{0};
    std::atomic<std::int64_t> max{0};
    std::atomic<std::uint64_t> rejected{0};
  };
  static void raise_max(Stripe& stripe, Nanoseconds duration);

  std::array<Stripe, kStripes> stripes_;
};

}  // namespace stormlog::resilience
