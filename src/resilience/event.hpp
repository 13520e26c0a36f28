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
  // Why the state changed.
  enum class Reason {
    none,
    failure_rate,
    slow_call_rate,
    consecutive_failures,
    wait_over,       // open → half_open
    half_open_over,  // half_open_max passed without a decision
    recovered,       // half_open → closed
    manual,
  };
  Type type;
  std::string breaker;
  WallTime at;
  BreakerState from = BreakerState::closed;  // state_transition only
  BreakerState to = BreakerState::closed;
  Nanoseconds duration{0};       // success and error only
  double rate_percent = 0;       // *_exceeded only
  std::uint64_t sequence = 0;    // ascends within one breaker
  Reason reason = Reason::none;  // state_transition only
};

std::string_view to_string(BreakerEvent::Type type);
// "failure_rate", …; "" for none.
std::string_view to_string(BreakerEvent::Reason reason);

}  // namespace stormlog::resilience
