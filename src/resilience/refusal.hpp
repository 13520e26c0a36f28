#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.hpp"

namespace stormlog::resilience {

// Who can say no to a call.
enum class Guard {
  deadline,  // the total deadline: no time is left for another attempt
  circuit_breaker,
  rate_limiter,
  bulkhead,
  time_limiter,  // the result of an asynchronous call was not there in time
};

// "deadline", "circuit_breaker", …
std::string_view to_string(Guard guard);

// Why a call was not made, or not waited for any longer.
//
// Lifetime: `name` is that of the guard, and lives as long as the guard.
struct Refusal {
  Guard guard = Guard::deadline;
  std::string_view name = {};  // "" for the total deadline
  // When it is worth asking again, as far as the guard knows: for Retry-After. 0: it cannot tell.
  Nanoseconds retry_after{0};
};

// "circuit breaker orders permits no call; try again in 1500 ms"
std::string describe(const Refusal& refusal);

}  // namespace stormlog::resilience
