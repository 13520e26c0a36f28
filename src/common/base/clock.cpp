#include "common/base/clock.hpp"

#include <ctime>

namespace stormlog {
namespace {

Nanoseconds since_start(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

}  // namespace

// Never destroyed: threads may still ask while the program ends.
const SystemClock& SystemClock::instance() {
  static const auto* const kClock = new SystemClock;
  return *kClock;
}

MonotonicTime CoarseClock::now() const {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return MonotonicTime{since_start(time)};
}

Nanoseconds CoarseClock::step() {
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return since_start(resolution);
}

const CoarseClock& CoarseClock::instance() {
  static const auto* const kClock = new CoarseClock;
  return *kClock;
}

}  // namespace stormlog
