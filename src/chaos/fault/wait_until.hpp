#pragma once

#include <thread>

#include "common/base/clock.hpp"

namespace stormlog::chaos {

// Looks every few milliseconds until `holds` or the time is over; says whether it held.
template <typename Condition>
bool wait_until(Nanoseconds at_most, Condition&& holds) {
  constexpr std::chrono::milliseconds kLook{2};
  const Clock& clock = SystemClock::instance();
  const MonotonicTime limit = clock.now() + at_most;
  while (!holds()) {
    if (clock.now() >= limit) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace stormlog::chaos
