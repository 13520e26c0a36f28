#include "resilience/retry.hpp"

#include <algorithm>
#include <cmath>

namespace stormlog::resilience {

std::optional<Nanoseconds> Backoff::next(MonotonicTime now, std::optional<MonotonicTime> deadline) {
  if (config_.max_attempts > 0 && attempts_ >= config_.max_attempts) return std::nullopt;
  const double initial = static_cast<double>(Nanoseconds(config_.initial).count());
  const double cap = static_cast<double>(Nanoseconds(config_.max).count());
  const double wait =
      std::min(cap, initial * std::pow(std::max(1.0, config_.factor), attempts_ - 1));
  const double jitter = 1 + config_.jitter * (2 * random_.uniform() - 1);
  const Nanoseconds result{static_cast<Nanoseconds::rep>(wait * jitter)};
  if (deadline && now + result >= *deadline) return std::nullopt;
  ++attempts_;
  return result;
}

}  // namespace stormlog::resilience
