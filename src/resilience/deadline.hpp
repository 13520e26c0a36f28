#pragma once

#include <algorithm>

#include "common/base/clock.hpp"

namespace stormlog::resilience {

// A moment by which something must be done, together with the clock that it is measured on, so that
// whoever is given it can ask how much is left: for the time-out of a socket, of a statement, of a
// wait. Without a moment there is any amount of time.
//
// Lifetime: the clock outlives it.
class Deadline {
 public:
  Deadline() = default;
  Deadline(const Clock& clock, MonotonicTime at) : clock_(&clock), at_(at) {}
  static Deadline in(const Clock& clock, Nanoseconds time) {
    const MonotonicTime now = clock.now();
    // What would overflow is never.
    return time >= MonotonicTime::max() - now ? Deadline() : Deadline(clock, now + time);
  }

  bool is_set() const { return clock_ != nullptr; }
  // MonotonicTime::max() without one.
  MonotonicTime at() const { return at_; }
  // Never negative; Nanoseconds::max() without a deadline.
  Nanoseconds remaining() const {
    return is_set() ? std::max(Nanoseconds{0}, at_ - clock_->now()) : Nanoseconds::max();
  }
  bool is_over() const { return is_set() && clock_->now() >= at_; }

  friend Deadline earlier(const Deadline& one, const Deadline& other) {
    return other.at_ < one.at_ ? other : one;
  }

 private:
  const Clock* clock_ = nullptr;
  MonotonicTime at_ = MonotonicTime::max();
};

}  // namespace stormlog::resilience
