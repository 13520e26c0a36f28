#include "common/base/clock.hpp"

namespace stormlog {

const SystemClock& SystemClock::instance() {
  static const SystemClock clock;
  return clock;
}

}  // namespace stormlog
