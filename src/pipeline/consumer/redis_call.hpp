#pragma once

#include <algorithm>
#include <vector>

#include "common/base/clock.hpp"
#include "common/redis/connection.hpp"
#include "common/telemetry/metrics.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

// Whether Redis is away for its breaker: not reached, or back and still loading its data. One that
// answers anything else (out of memory, say) is alive. All users of a breaker must mean the same by
// it: what one calls an answer would close it while the others are refused.
inline bool redis_away(const Error& error) {
  return error.code == redis::kConnectionCode || error.code == "LOADING";
}

// One round trip behind a breaker, timed. Retriable when the breaker is open or Redis is away; then
// what came of the commands is unknown. Other errors that Redis answers are among the replies.
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
    const auto loading = std::find_if(replies->begin(), replies->end(), [](const auto& reply) {
      return reply.type == redis::Reply::Type::error && redis_away(reply.as_error());
    });
    if (loading != replies->end()) replies = loading->as_error();
  }
  if (replies.ok()) {
    permit.success();
  } else {
    permit.failure();
  }
  return replies;
}

}  // namespace stormlog::pipeline
