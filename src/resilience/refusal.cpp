#include "resilience/refusal.hpp"

namespace stormlog::resilience {

std::string_view to_string(Guard guard) {
  switch (guard) {
    case Guard::deadline:
      return "deadline";
    case Guard::circuit_breaker:
      return "circuit_breaker";
    case Guard::rate_limiter:
      return "rate_limiter";
    case Guard::bulkhead:
      return "bulkhead";
    case Guard::time_limiter:
      return "time_limiter";
  }
  return "?";
}

std::string describe(const Refusal& refusal) {
  const std::string name(refusal.name);
  std::string text;
  switch (refusal.guard) {
    case Guard::deadline:
      text = "no time is left before the deadline";
      break;
    case Guard::circuit_breaker:
      text = "circuit breaker " + name + " permits no call";
      break;
    case Guard::rate_limiter:
      text = "rate limiter " + name + " has no permit";
      break;
    case Guard::bulkhead:
      text = "bulkhead " + name + " is full";
      break;
    case Guard::time_limiter:
      text = "time limiter " + name + ": no result in time";
      break;
  }
  if (refusal.retry_after > Nanoseconds{0}) {
    // Rounded up: who comes a little late is admitted.
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(refusal.retry_after);
    text += "; try again in " + std::to_string(wait.count()) + " ms";
  }
  return text;
}

}  // namespace stormlog::resilience
