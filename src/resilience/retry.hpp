#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"

namespace stormlog::resilience {

struct RetryConfig {
  int max_attempts = 3;  // with the first; 0 = without limit
  std::chrono::milliseconds initial{500};
  std::chrono::milliseconds max{30'000};
  double factor = 1.5;
  double jitter = 0.5;  // ±50 %, drawn after the cap
};

// The waits of a retried operation: exponential, capped, then jittered, so that deep retries do not
// fall into step. Decides nothing about what is retriable.
//
// Threads: caller synchronises.
class Backoff {
 public:
  Backoff(RetryConfig config, Random random) : config_(config), random_(random) {}

  // The wait before the next attempt, or empty when the attempts are used up or the wait would end
  // at or after `deadline`.
  std::optional<Nanoseconds> next(MonotonicTime now,
                                  std::optional<MonotonicTime> deadline = std::nullopt);
  void reset() { attempts_ = 1; }
  int attempts() const { return attempts_; }

 private:
  RetryConfig config_;
  Random random_;
  int attempts_ = 1;
};

}  // namespace stormlog::resilience
