#pragma once

#include <vector>

#include "common/base/clock.hpp"
#include "common/redis/connection.hpp"
#include "common/telemetry/metrics.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

// One round trip behind a breaker, timed. Retriable when the breaker is open or Redis does not
// answer. An error that Redis answers (out of memory, say) is among the replies: that is Redis
// being alive.
inline Result<std::vector<redis::Reply>> call_redis(resilience::CircuitBreaker& breaker,
                                                    const telemetry::HistogramMetric& seconds,
                                                    const Clock& clock, redis::Client& redis,
                                                    const std::vector<redis::Command>& commands) {
  resilience::Permit permit = breaker.acquire();
  if (!permit) return Error::retriable("Redis is away");
  const MonotonicTime begin = clock.now();
  Result<std::vector<redis::Reply>> replies = redis.pipeline(commands);
  seconds.observe(clock.now() - begin);
  if (replies.ok()) {
    permit.success();
  } else {
    permit.failure();
  }
  return replies;
}

}  // namespace stormlog::pipeline
