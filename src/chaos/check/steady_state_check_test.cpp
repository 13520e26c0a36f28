// steady_state: what one probe saw during a fault of 5 s to 8 s.

#include "chaos/check/check_test_support.hpp"

namespace stormlog::chaos {
namespace {

using test::CheckCase;
using test::seconds;
using test::Story;

constexpr auto kPassed = CheckOutcome::passed;
constexpr auto kFailed = CheckOutcome::failed;
constexpr auto kUnknown = CheckOutcome::unknown;

const std::vector<std::string> kHeld = {"probe=http ready", "window=during"};
const std::vector<std::string> kLost = {"probe=http ready", "window=during", "was=lost"};

// Looks at 4, 6, 7 and 9 s.
std::function<RunRecord()> looks(bool before, bool first, bool second, bool after) {
  return [=] {
    Story run = Story::healthy();
    run.lasting(5, 8).probe(4, before).probe(6, first).probe(7, second).probe(9, after);
    return run.record;
  };
}

std::function<RunRecord()> without_data(bool first_held) {
  return [=] {
    RunRecord run = looks(true, first_held, true, true)();
    run.steady_state[2].held = run.steady_state[2].has_data = false;
    if (!first_held) run.steady_state[1].has_data = false;
    return run;
  };
}

class SteadyState : public testing::TestWithParam<CheckCase> {};

TEST_P(SteadyState, judges) {
  test::expect_outcome(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    table, SteadyState,
    testing::Values(
        CheckCase{"held", "steady_state", kHeld, looks(false, true, true, false), kPassed},
        CheckCase{"held_but_once", "steady_state", kHeld, looks(true, true, false, true), kFailed,
                  "did not hold 1 of 2 times"},
        CheckCase{"held_without_data", "steady_state", kHeld, without_data(true), kFailed,
                  "did not hold 1 of 2"},
        CheckCase{"held_in_all_of_the_run",
                  "steady_state",
                  {"probe=http ready"},
                  looks(true, true, true, false),
                  kFailed,
                  "1 of 4"},
        CheckCase{"lost", "steady_state", kLost, looks(true, false, true, true), kPassed},
        CheckCase{"lost_only_before_and_after", "steady_state", kLost,
                  looks(false, true, true, false), kFailed, "nothing was felt there"},
        CheckCase{"lost_by_no_data_alone", "steady_state", kLost, without_data(false), kUnknown,
                  "no data"},
        CheckCase{"another_name",
                  "steady_state",
                  {"probe=nobody"},
                  looks(true, true, true, true),
                  kUnknown,
                  "no probe of the steady state is called \"nobody\""},
        CheckCase{"no_such_part", "steady_state", kHeld,
                  [] { return Story::healthy().probe(4, true).record; }, kUnknown, "no part"}),
    test::case_name);

}  // namespace
}  // namespace stormlog::chaos
