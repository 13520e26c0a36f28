#include "chaos/stack/restart_backoff.hpp"

#include <algorithm>

namespace stormlog::chaos {

std::optional<RestartBackoff::Decision> RestartBackoff::ended(MonotonicTime now, bool failed) {
  if (policy_.when == RestartPolicy::When::never) return std::nullopt;
  if (policy_.when == RestartPolicy::When::on_failure && !failed) return std::nullopt;
  if (now - started_ >= policy_.stable_after) ends_ = 0;
  ++ends_;
  if (ends_ >= policy_.crash_loop_after) return Decision{policy_.max_backoff, true};
  auto wait = policy_.backoff;
  for (int i = 1; i < ends_ && wait < policy_.max_backoff; ++i) wait *= 2;
  return Decision{std::min(wait, policy_.max_backoff), false};
}

}  // namespace stormlog::chaos
