#pragma once

#include "common/base/clock.hpp"
#include "common/base/random.hpp"

namespace stormlog::resilience {

struct ExponentialWait {
  Nanoseconds first;
  Nanoseconds cap;
  double factor;
  double jitter;  // 0.2: ±20 %

  // The wait after `step` earlier ones. Jitter comes after the cap: waits that have reached it must
  // not fall into step either.
  Nanoseconds after(int step, Random& random) const;
};

}  // namespace stormlog::resilience
