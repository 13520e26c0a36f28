#include <gtest/gtest.h>

#include <set>
#include <string>

#include "resilience/testing/breaker_program.hpp"
#include "resilience/testing/property.hpp"

namespace stormlog::resilience {
namespace {

using testing::describe;
using testing::Mistake;
using testing::Program;
using testing::random_program;
using testing::run;
using testing::shrink;

// The breaker against a reference that is too simple to be wrong, over random configurations and
// programs. A failure prints the smallest program that shows it; its seed repeats it.
TEST(BreakerProperty, AgreesWithTheReference) {
  const std::uint64_t programs = testing::programs_or(5'000);
  for (std::uint64_t seed = 1; seed <= programs; ++seed) {
    const Program program = random_program(seed);
    if (!run(program)) continue;
    const Program smallest = shrink(program);
    FAIL() << *run(smallest) << "\n" << describe(smallest);
  }
}

// The programs must come everywhere, or agreement says little.
TEST(BreakerProperty, ProgramsReachEveryStateByEveryWay) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
    const Program program = random_program(seed);
    ManualClock clock;
    CircuitBreaker breaker("b", program.config, clock, Random(seed));
    breaker.on_event([&seen](const BreakerEvent& event) {
      seen.insert(event.type == BreakerEvent::Type::state_transition
                      ? std::string(to_string(event.reason))
                      : std::string(to_string(event.type)));
    });
    std::vector<Permit> permits;
    for (const testing::Step& step : program.steps) {
      using Kind = testing::Step::Kind;
      if (step.kind == Kind::acquire) {
        if (Permit permit = breaker.acquire()) permits.push_back(std::move(permit));
      } else if (step.kind == Kind::advance) {
        clock.advance(step.time);
      } else if (step.kind == Kind::tick) {
        breaker.tick();
      } else if (step.kind == Kind::transition) {
        breaker.transition_to(step.to);
      } else if (step.kind == Kind::reset) {
        breaker.reset();
      } else if (!permits.empty() && step.kind == Kind::success) {
        permits.back().success();
        permits.pop_back();
      } else if (!permits.empty() && step.kind == Kind::failure) {
        permits.back().failure();
        permits.pop_back();
      }
    }
  }
  EXPECT_EQ(seen,
            (std::set<std::string>{"failure_rate", "slow_call_rate", "consecutive_failures",
                                   "wait_over", "half_open_over", "recovered", "manual", "RESET",
                                   "FAILURE_RATE_EXCEEDED", "SLOW_CALL_RATE_EXCEEDED"}));
}

class BreakerMistake : public ::testing::TestWithParam<Mistake> {};

// A test that cannot fail proves nothing: for each of these mistakes a program must be found on
// which breaker and reference differ, and it must shrink to something that a person can read.
TEST_P(BreakerMistake, IsFound) {
  constexpr std::uint64_t kPrograms = 6'000;
  for (std::uint64_t seed = 1; seed <= kPrograms; ++seed) {
    const Program program = random_program(seed);
    if (!run(program, GetParam())) continue;
    const Program smallest = shrink(program, GetParam());
    EXPECT_TRUE(run(smallest, GetParam()).has_value());
    EXPECT_FALSE(run(smallest).has_value());
    EXPECT_LE(smallest.steps.size(), 30U) << describe(smallest);
    // Smallest: no step can be left out.
    for (std::size_t i = 0; i < smallest.steps.size(); ++i) {
      Program without = smallest;
      without.steps.erase(without.steps.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_FALSE(run(without, GetParam()).has_value()) << "step " << i << " is not needed";
    }
    return;
  }
  FAIL() << "no program shows it";
}

INSTANTIATE_TEST_SUITE_P(
    All, BreakerMistake,
    ::testing::Values(Mistake::rate_must_exceed_threshold, Mistake::slow_at_threshold,
                      Mistake::minimum_one_more, Mistake::window_one_longer,
                      Mistake::stale_results_count, Mistake::ignored_counts_as_success,
                      Mistake::success_keeps_failures_in_a_row, Mistake::half_open_one_permit_more,
                      Mistake::half_open_waits_for_all_results, Mistake::lease_lasts_for_ever,
                      Mistake::late_probe_counts, Mistake::hanging_call_counts_twice,
                      Mistake::open_wait_forgets_cap));

}  // namespace
}  // namespace stormlog::resilience
