// breaker and fail_fast over the transitions that were seen.

#include "chaos/check/check_test_support.hpp"

namespace stormlog::chaos {
namespace {

using test::CheckCase;
using test::seconds;
using test::Story;

constexpr auto kPassed = CheckOutcome::passed;
constexpr auto kFailed = CheckOutcome::failed;
constexpr auto kUnknown = CheckOutcome::unknown;

RunRecord killed() {
  return Story::killed().record;
}

std::function<RunRecord()> killed_with(const std::function<void(Story&)>& change) {
  return [change] {
    Story run = Story::killed();
    change(run);
    return run.record;
  };
}

const auto kNoTransitions = killed_with([](Story& run) { run.record.transitions.clear(); });
const auto kNoBreaker = killed_with([](Story& run) { run.record.breakers_seen = {"producers"}; });
const auto kRefused = killed_with([](Story& run) {
  run.record.breakers_seen.clear();
  run.record.breakers_refused = {"api-gateway: http://127.0.0.1:8080: status 401"};
});
const auto kStillOpen = killed_with([](Story& run) { run.record.transitions.resize(1); });
const auto kNeverHalfOpen = killed_with([](Story& run) {
  run.record.transitions.clear();
  run.transition(5, "closed", "open").transition(8, "open", "closed");
});
// Opens again after a failed trial.
const auto kTwoTrials = killed_with([](Story& run) {
  run.record.transitions.clear();
  run.transition(5, "closed", "open").transition(6, "open", "half_open");
  run.transition(6.1, "half_open", "open").transition(7.9, "open", "half_open");
  run.transition(8, "half_open", "closed");
});
const auto kOpenedBeforeTheFault = killed_with([](Story& run) {
  run.record.transitions.clear();
  run.transition(2, "closed", "open").transition(3, "open", "closed");
});
const auto kLastingFault = killed_with([](Story& run) {
  run.record.faults.clear();
  run.lasting(5, 7);
});

const std::vector<std::string> kAsDesigned = {"name=producer", "opens_within=3s",
                                              "passes=half_open", "closes_within=10s"};

class BreakerChecks : public testing::TestWithParam<CheckCase> {};
TEST_P(BreakerChecks, judge) {
  test::expect_outcome(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    table, BreakerChecks,
    testing::ValuesIn(std::vector<CheckCase>{
        {"opens_and_closes", "breaker", kAsDesigned, killed, kPassed},
        {"opens_at_once_by_a_clock_that_is_early",
         "breaker",
         {"name=producer", "opens_within=1s"},
         killed_with([](Story& run) { run.record.transitions[0].at = seconds(4.998); }),
         kPassed},
        {"opens_late",
         "breaker",
         {"name=producer", "opens_within=1s"},
         killed_with([](Story& run) { run.record.transitions[0].at = seconds(6.5); }),
         kFailed,
         "opened after 1.5"},
        {"does_not_open", "breaker", {"name=producer"}, kNoTransitions, kFailed, "did not open"},
        {"what_was_before_the_fault_does_not_count",
         "breaker",
         {"name=producer"},
         kOpenedBeforeTheFault,
         kFailed,
         "did not open"},
        {"skips_half_open",
         "breaker",
         {"name=producer", "passes=half_open"},
         kNeverHalfOpen,
         kFailed,
         "never half_open"},
        {"stays_open", "breaker", {"name=producer"}, kStillOpen, kFailed, "still open"},
        {"closes_late",
         "breaker",
         {"name=producer", "closes_within=2s"},
         killed,
         kFailed,
         "after the fault was over"},
        {"closes_in_time_after_the_heal",
         "breaker",
         {"name=producer", "closes_within=2s"},
         kLastingFault,
         kPassed},
        {"of_another_service",
         "breaker",
         {"name=producer", "service=log-consumer"},
         killed,
         kFailed,
         "did not open"},
        {"not_observable",
         "breaker",
         {"name=producer"},
         kNoBreaker,
         kUnknown,
         "did you mean \"producers\""},
        {"no_fault",
         "breaker",
         {"name=producer"},
         [] { return Story::healthy().record; },
         kUnknown,
         "no fault"},
        {"stays_closed", "breaker", {"name=producer", "stays=closed"}, kNoTransitions, kPassed},
        {"leaves_closed",
         "breaker",
         {"name=producer", "stays=closed"},
         killed,
         kFailed,
         "from closed to open"},
        {"stays_unseen",
         "breaker",
         {"name=producer", "stays=closed"},
         kNoBreaker,
         kUnknown,
         "no service told"},

        {"refuses_at_once", "fail_fast", {"name=producer"}, killed, kPassed},
        {"slow", "fail_fast", {"name=producer", "p99=100us"}, killed, kFailed, "p99 is"},
        {"without_retry_after",
         "fail_fast",
         {"name=producer"},
         killed_with([](Story& run) { run.record.requests[60].retry_after = false; }),
         kFailed,
         "1 answers carry no Retry-After"},
        {"retry_after_not_wanted",
         "fail_fast",
         {"name=producer", "retry_after=false"},
         killed_with([](Story& run) { run.record.requests[60].retry_after = false; }),
         kPassed},
        {"another_status",
         "fail_fast",
         {"name=producer"},
         killed_with([](Story& run) { run.record.requests[60].status = 500; }),
         kFailed,
         "not answered 503"},
        {"hangs_until_half_open_was_over",
         "fail_fast",
         {"name=producer"},
         killed_with([](Story& run) { run.record.requests[55].done = seconds(9); }),
         kFailed,
         "p99 is"},
        {"trial_requests_do_not_count",
         "fail_fast",
         {"name=producer"},
         killed_with([](Story& run) {
           RequestSample trial;
           trial.intended = trial.sent = seconds(7.96);
           trial.done = seconds(7.99);
           trial.status = 202;
           run.record.requests.push_back(trial);
         }),
         kPassed},
        {"did_not_open", "fail_fast", {"name=producer"}, kNoTransitions, kUnknown, "did not open"},
        {"refused", "fail_fast", {"name=producer"}, kRefused, kUnknown, "status 401 (a token"},
        {"not_observable", "fail_fast", {"name=producer"}, kNoBreaker, kUnknown, "no service told"},
        {"nobody_asked",
         "fail_fast",
         {"name=producer"},
         killed_with([](Story& run) { run.record.requests.clear(); }),
         kUnknown,
         "no request"},
    }),
    test::case_name);

TEST(BreakerChecks, TheTrialThatLedToClosedIsTheOneThatIsMeasured) {
  const CheckResult result = test::judge("breaker", kAsDesigned, kTwoTrials());
  EXPECT_EQ(result.outcome, CheckOutcome::passed) << result.reason;
  EXPECT_EQ(result.measured["half_open_ms"], 2900.0);
  EXPECT_EQ(result.measured["closed_ms"], 3000.0);
  EXPECT_EQ(result.measured["path"].size(), 5U);
}

TEST(BreakerChecks, FailFastCountsBothTimesThatItWasOpen) {
  const CheckResult result = test::judge("fail_fast", {"name=producer"}, kTwoTrials());
  EXPECT_EQ(result.outcome, CheckOutcome::passed) << result.reason;
  // 5.0 … 5.9 and 6.1 … 7.8
  EXPECT_EQ(result.measured["requests"], 28);
  EXPECT_EQ(result.measured["answers"].dump(), R"({"503":28})");
}

}  // namespace
}  // namespace stormlog::chaos
