#pragma once

#include <atomic>
#include <cstdint>

#include "common/base/clock.hpp"
#include "resilience/state_word.hpp"
#include "resilience/success_stripes.hpp"

namespace stormlog::resilience::detail {

// The part of a circuit breaker that an admission, a rejection and a quick success touch. It is in
// a header of its own so that these three can be inlined into the caller, where half of their cost
// was that of calls and of passing things through memory.
//
// Threads: all may be read at any time; but for the stripes it is written under the breaker's
// mutex,
//          the word last: who sees a state also sees its times, or later ones.
struct BreakerHot {
  BreakerHot(const Clock& clock, Nanoseconds slow_after, bool timed_window, bool watched)
      : clock_(clock), slow_after_(slow_after), timed_window_(timed_window), watched_(watched) {}

  StateWord word() const { return StateWord{word_.load(std::memory_order_acquire)}; }

  // Whether the success was recorded; else it must be settled under the mutex.
  bool settle_quickly(std::uint64_t generation, Nanoseconds duration, MonotonicTime now) {
    const StateWord seen = word();
    if (!seen.quick() || seen.generation() != generation) return false;
    if (duration > slow_after_ || duration < Nanoseconds{0}) return false;
    // In a new second old calls leave a timed window, and even a success may then lead to a
    // decision.
    if (timed_window_ && now >= window_until_.load(std::memory_order_relaxed) &&
        seen.counts_calls()) {
      return false;
    }
    return stripes_.add(generation, duration);
  }

  alignas(64) std::atomic<std::uint64_t> word_{StateWord(BreakerState::closed, 0, 0, true).bits()};
  const Clock& clock_;
  const Nanoseconds slow_after_;
  const bool timed_window_;
  const bool watched_;  // count_inflight_slow
  std::atomic<MonotonicTime> open_until_{MonotonicTime{}};
  // The end of the second that a timed window was last moved to.
  std::atomic<MonotonicTime> window_until_{MonotonicTime{}};
  // Before it a half-open without permits left admits nothing: no lease is over, nor half-open.
  std::atomic<MonotonicTime> no_permit_until_{MonotonicTime{}};

  SuccessStripes stripes_;
};

}  // namespace stormlog::resilience::detail
