#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"

namespace stormlog::resilience {

enum class BreakerState : std::uint8_t {
  closed,
  open,
  half_open,
  disabled,
  forced_open,
  metrics_only,
};

// "closed", "open", "half_open", "disabled", "forced_open", "metrics_only".
std::string_view to_string(BreakerState state);

// What a circuit breaker tells its listeners; names as in Resilience4j.
struct BreakerEvent {
  enum class Type {
    success,
    error,
    ignored_error,
    not_permitted,
    state_transition,
    reset,
    failure_rate_exceeded,
    slow_call_rate_exceeded,
  };
  Type type;
  std::string breaker;
  WallTime at;
  BreakerState from = BreakerState::closed;  // state_transition only
  BreakerState to = BreakerState::closed;
  Nanoseconds duration{0};     // success and error only
  double rate_percent = 0;     // *_exceeded only
  std::uint64_t sequence = 0;  // ascends within one breaker
};

std::string_view to_string(BreakerEvent::Type type);

}  // namespace stormlog::resilience
