#include <string>
#include <utility>

#include "resilience/circuit_breaker.hpp"
#include "resilience/config_check.hpp"
#include "resilience/state_word.hpp"

namespace stormlog::resilience {

Result<void> validate(const CircuitBreakerConfig& config) {
  constexpr double kAnyCount = 1e9;
  // A window is allocated whole, and a day of seconds or a million calls is no longer "recent".
  constexpr double kLargestWindow = 1'000'000;
  for (const Result<void>& result : {
           in_range("window_size", config.window_size, 1, kLargestWindow),
           in_range("minimum_calls", config.minimum_calls, 1, kAnyCount),
           in_range("consecutive_failures", config.consecutive_failures, 0, kAnyCount),
           in_range("half_open_permits", config.half_open_permits, 1, StateWord::kMaxPermits),
           in_range("open_wait_factor", config.open_wait_factor, 1, kAnyCount),
           in_range("open_wait_jitter", config.open_wait_jitter, 0, 1),
           in_range("slow_call", config.slow_call),
           in_range("open_wait", config.open_wait),
           in_range("open_wait_max", config.open_wait_max),
           in_range("half_open_lease", config.half_open_lease),
           in_range("half_open_max", config.half_open_max),
       }) {
    if (!result) return result;
  }
  for (const auto& [name, value] : {std::pair{"failure_rate_percent", config.failure_rate_percent},
                                    std::pair{"slow_rate_percent", config.slow_rate_percent}}) {
    if (value > 0 && value <= 100) continue;
    return Error::permanent(name + std::string(" is ") + number(value) +
                            "; it must be above 0 and at most 100");
  }
  return {};
}

}  // namespace stormlog::resilience
