#include "resilience/retry.hpp"

#include "resilience/exponential_wait.hpp"

namespace stormlog::resilience {

std::optional<Nanoseconds> Backoff::next(MonotonicTime now, std::optional<MonotonicTime> deadline) {
  if (config_.max_attempts > 0 && attempts_ >= config_.max_attempts) return std::nullopt;
  const ExponentialWait waits{.first = config_.initial,
                              .cap = config_.max,
                              .factor = config_.factor,
                              .jitter = config_.jitter};
  const Nanoseconds wait = waits.after(attempts_ - 1, random_);
  if (deadline && now + wait >= *deadline) return std::nullopt;
  ++attempts_;
  return wait;
}

}  // namespace stormlog::resilience
