#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/random.hpp"
#include "resilience/circuit_breaker.hpp"
#include "resilience/testing/reference_breaker.hpp"

// Random programs for circuit breakers: each runs against the real breaker and the reference, which
// must agree after every step. One that shows a difference is shrunk to the steps that matter.
namespace stormlog::resilience::testing {

struct Step {
  enum class Kind {
    acquire,
    success,
    failure,
    ignore,
    drop,  // the permit is destroyed unsettled
    advance,
    step_wall_clock,
    tick,
    transition,
    reset,
    metrics,
  };
  Kind kind = Kind::acquire;
  unsigned permit = 0;                       // which of those that are out, modulo their number
  Nanoseconds time{0};                       // advance and step_wall_clock
  std::optional<Nanoseconds> duration = {};  // success and failure: measured by the caller
  BreakerState to = BreakerState::closed;    // transition
};

struct Program {
  CircuitBreakerConfig config;
  std::uint64_t seed = 0;
  std::vector<Step> steps;
};

Program random_program(std::uint64_t seed);

// What differed and after which step; empty when nothing did. Also checks what must hold for any
// breaker: half-open admits no more than its permits, no call is counted twice, events are in
// order, and in the end it closes given time and successes.
std::optional<std::string> run(const Program& program, Mistake mistake = Mistake::none);

// The smallest program that still fails, as far as leaving steps out and shortening them goes.
Program shrink(Program program, Mistake mistake = Mistake::none);

std::string describe(const Program& program);

}  // namespace stormlog::resilience::testing
