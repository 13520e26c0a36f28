#include "resilience/exponential_wait.hpp"

#include <algorithm>
#include <cmath>

namespace stormlog::resilience {

Nanoseconds ExponentialWait::after(int step, Random& random) const {
  const double grown =
      static_cast<double>(first.count()) * std::pow(std::max(1.0, factor), std::max(0, step));
  const double capped = std::min(grown, static_cast<double>(cap.count()));
  const double spread = 1 + jitter * (2 * random.uniform() - 1);
  return Nanoseconds{static_cast<Nanoseconds::rep>(std::max(0.0, capped * spread))};
}

}  // namespace stormlog::resilience
