#include "resilience/event.hpp"

namespace stormlog::resilience {

std::string_view to_string(BreakerState state) {
  switch (state) {
    case BreakerState::closed:
      return "closed";
    case BreakerState::open:
      return "open";
    case BreakerState::half_open:
      return "half_open";
    case BreakerState::disabled:
      return "disabled";
    case BreakerState::forced_open:
      return "forced_open";
    case BreakerState::metrics_only:
      return "metrics_only";
  }
  return "?";
}

std::string_view to_string(BreakerEvent::Type type) {
  switch (type) {
    case BreakerEvent::Type::success:
      return "SUCCESS";
    case BreakerEvent::Type::error:
      return "ERROR";
    case BreakerEvent::Type::ignored_error:
      return "IGNORED_ERROR";
    case BreakerEvent::Type::not_permitted:
      return "NOT_PERMITTED";
    case BreakerEvent::Type::state_transition:
      return "STATE_TRANSITION";
    case BreakerEvent::Type::reset:
      return "RESET";
    case BreakerEvent::Type::failure_rate_exceeded:
      return "FAILURE_RATE_EXCEEDED";
    case BreakerEvent::Type::slow_call_rate_exceeded:
      return "SLOW_CALL_RATE_EXCEEDED";
  }
  return "?";
}

std::string_view to_string(BreakerEvent::Reason reason) {
  switch (reason) {
    case BreakerEvent::Reason::none:
      return "";
    case BreakerEvent::Reason::failure_rate:
      return "failure_rate";
    case BreakerEvent::Reason::slow_call_rate:
      return "slow_call_rate";
    case BreakerEvent::Reason::consecutive_failures:
      return "consecutive_failures";
    case BreakerEvent::Reason::wait_over:
      return "wait_over";
    case BreakerEvent::Reason::half_open_over:
      return "half_open_over";
    case BreakerEvent::Reason::recovered:
      return "recovered";
    case BreakerEvent::Reason::manual:
      return "manual";
  }
  return "?";
}

}  // namespace stormlog::resilience
