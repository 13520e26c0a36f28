// recovered, latency, error_rate and no_crash over the load and the processes.

#include "chaos/check/check_test_support.hpp"
#include "chaos/check/support.hpp"

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
RunRecord healthy() {
  return Story::healthy().record;
}

std::function<RunRecord()> killed_with(const std::function<void(Story&)>& change) {
  return [change] {
    Story run = Story::killed();
    change(run);
    return run.record;
  };
}

const auto kNeverBack = killed_with([](Story& run) {
  run.record.requests.clear();
  run.fill(0, 5, Outcome::acked, 202, 0.002).fill(5, 20, Outcome::indeterminate, 503, 0.0005);
});
const auto kEndsTooSoon = killed_with([](Story& run) {
  run.record.requests.resize(90);  // one second after the breaker closed
});
const auto kNoLoad = killed_with([](Story& run) {
  run.record.had_load = false;
  run.record.requests.clear();
});
const auto kNotHealed = killed_with([](Story& run) { run.lasting(6, std::nullopt); });
const auto kStaysDown = killed_with([](Story& run) { run.record.processes.resize(1); });

class LoadChecks : public testing::TestWithParam<CheckCase> {};
TEST_P(LoadChecks, judge) {
  test::expect_outcome(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    table, LoadChecks,
    testing::ValuesIn(std::vector<CheckCase>{
        {"in_time", "recovered", {"within=5s"}, killed, kPassed},
        {"late", "recovered", {"within=1s"}, killed, kFailed, "more than 1s"},
        {"requests_fail_to_the_end", "recovered", {}, kNeverBack, kFailed, "not acknowledged"},
        {"breaker_left_open",
         "recovered",
         {},
         killed_with([](Story& run) { run.record.transitions.resize(1); }),
         kFailed,
         "still open"},
        {"service_stays_down", "recovered", {}, kStaysDown, kFailed, "has not started again"},
        {"not_healed", "recovered", {}, kNotHealed, kUnknown, "not healed"},
        {"steady_state_lost_until_later",
         "recovered",
         {"within=5s"},
         killed_with([](Story& run) { run.probe(12, false).probe(13, true); }),
         kFailed,
         "more than"},
        {"load_ended_too_soon", "recovered", {}, kEndsTooSoon, kUnknown, "less than the stable"},
        {"no_load", "recovered", {}, kNoLoad, kUnknown, "no load"},
        {"no_fault", "recovered", {}, healthy, kUnknown, "no fault"},

        {"within_limits", "latency", {"p99=10ms", "max=10ms"}, killed, kPassed},
        {"too_slow", "latency", {"p50=1ms"}, killed, kFailed, "p50 is 2"},
        {"two_limits_broken", "latency", {"p50=1ms", "max=1ms"}, killed, kFailed, ", max is"},
        {"acked_alone",
         "latency",
         {"max=3ms", "of=acked"},
         killed_with([](Story& run) { run.record.requests[60].done = seconds(16); }),
         kPassed},
        {"refused_count_too",
         "latency",
         {"max=3ms"},
         killed_with([](Story& run) { run.record.requests[60].done = seconds(16); }),
         kFailed,
         "max is 10"},
        {"of_one_part", "latency", {"max=1ms", "window=during"}, killed, kPassed},
        {"of_the_part_before", "latency", {"max=1ms", "window=before"}, killed, kFailed, "max"},
        {"no_limit", "latency", {}, killed, kUnknown, "no limit"},
        {"no_request", "latency", {"p99=1s"}, kNoLoad, kUnknown, "no request"},
        {"no_such_part", "latency", {"p99=1s", "window=during"}, healthy, kUnknown, "no part"},

        {"few_errors", "error_rate", {"max_percent=15"}, killed, kPassed},
        {"too_many", "error_rate", {"max_percent=14.9"}, killed, kFailed, "30 of 200 events"},
        {"none_after", "error_rate", {"max_percent=0", "window=after"}, killed, kPassed},
        {"all_during",
         "error_rate",
         {"max_percent=90", "window=during"},
         killed,
         kFailed,
         "30 of 30"},
        {"no_event", "error_rate", {"max_percent=1"}, kNoLoad, kUnknown, "no event"},
        {"no_such_part",
         "error_rate",
         {"max_percent=1", "window=after"},
         healthy,
         kUnknown,
         "no part"},

        {"the_fault_ended_it", "no_crash", {}, killed, kPassed},
        {"ended_by_itself",
         "no_crash",
         {},
         killed_with([](Story& run) { run.process(9, ProcessEvent::Kind::ended); }),
         kFailed,
         "log-producer ended though no fault ended it"},
        {"of_the_others",
         "no_crash",
         {"services=api-gateway"},
         killed_with([](Story& run) { run.process(9, ProcessEvent::Kind::ended); }),
         kPassed},
        {"nothing_watched",
         "no_crash",
         {},
         killed_with([](Story& run) { run.record.processes_watched.clear(); }),
         kUnknown,
         "no process was watched"},
        {"service_not_watched",
         "no_crash",
         {"services=log-consumer"},
         killed,
         kUnknown,
         "was not watched"},
    }),
    test::case_name);

TEST(Recovery, TakesFromTheInjectionToTheLastTrouble) {
  const CheckResult result = test::judge("recovered", {}, killed());
  // The last refused request was done at 7.9005 s; the breaker closed at 8 s.
  EXPECT_EQ(result.measured["recovered_ms"], 3000.0);
}

TEST(Recovery, OfALastingFaultCountsFromTheHeal) {
  Story run = Story::killed();
  run.record.faults.clear();
  run.lasting(5, 7);
  EXPECT_EQ(test::judge("recovered", {}, run.record).measured["recovered_ms"], 1000.0);
}

TEST(Phase, OfAnUnhealedFaultLastsToTheEnd) {
  Story run = Story::healthy();
  run.lasting(5, std::nullopt);
  const auto during = phase(run.record, "during");
  ASSERT_TRUE(during);
  EXPECT_EQ(during->from, seconds(5));
  EXPECT_TRUE(during->holds(run.record.load_to));
  EXPECT_FALSE(phase(run.record, "after"));
}

TEST(Registry, FindsEachCheckByItsName) {
  for (const CheckKind* kind : check_kinds()) {
    EXPECT_EQ(find_check_kind(kind->name), kind);
    EXPECT_FALSE(kind->summary.empty()) << kind->name;
  }
  EXPECT_EQ(find_check_kind("no_los"), nullptr);
}

}  // namespace
}  // namespace stormlog::chaos
