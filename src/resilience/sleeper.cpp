#include "resilience/sleeper.hpp"

#include <thread>

namespace stormlog::resilience {

void ThreadSleeper::sleep_for(Nanoseconds duration) const {
  std::this_thread::sleep_for(duration);
}

const ThreadSleeper& ThreadSleeper::instance() {
  static const ThreadSleeper sleeper;
  return sleeper;
}

}  // namespace stormlog::resilience
