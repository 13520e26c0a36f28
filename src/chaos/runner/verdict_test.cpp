#include "chaos/runner/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::chaos {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

CheckReport check(const std::string& name, CheckOutcome outcome) {
  CheckReport report;
  report.check = name;
  report.result.outcome = outcome;
  if (outcome != CheckOutcome::passed) report.result.reason = "because of " + name;
  return report;
}

const CheckReport kGood = check("good", CheckOutcome::passed);
const CheckReport kBad = check("bad", CheckOutcome::failed);
const CheckReport kUnsure = check("unsure", CheckOutcome::unknown);

RunRecord run_with(Effect effect) {
  RunRecord run;
  FaultRecord fault;
  fault.fault = "service_kill";
  fault.target = "log-producer";
  fault.injected = seconds{5};
  fault.effect = effect;
  run.faults.push_back(fault);
  return run;
}

RunRecord never_injected() {
  RunRecord run = run_with(Effect::unknown);
  run.faults[0].injected.reset();
  run.faults[0].error = "no such process";
  return run;
}

RunRecord not_healed() {
  RunRecord run = run_with(Effect::confirmed);
  run.faults[0].lasting = true;
  run.faults[0].error = "it resists";
  return run;
}

struct Case {
  std::string name;
  RunEnd end;
  RunRecord run;
  std::vector<CheckReport> checks;
  Verdict verdict;
  std::string reason;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

class Verdicts : public testing::TestWithParam<Case> {};

TEST_P(Verdicts, decide) {
  std::string reason;
  const Verdict verdict = decide(GetParam().end, GetParam().run, GetParam().checks, reason);
  EXPECT_EQ(to_string(verdict), to_string(GetParam().verdict)) << reason;
  EXPECT_EQ(reason.empty(), GetParam().verdict == Verdict::passed) << reason;
  EXPECT_THAT(reason, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    table, Verdicts,
    testing::ValuesIn(std::vector<Case>{
        {"all_passed", {}, run_with(Effect::confirmed), {kGood, kGood}, Verdict::passed, ""},
        {"baseline_without_faults", {}, {}, {kGood}, Verdict::passed, ""},
        {"one_failed",
         {},
         run_with(Effect::confirmed),
         {kGood, kBad},
         Verdict::failed,
         "bad: because of bad"},
        {"one_unknown",
         {},
         run_with(Effect::confirmed),
         {kGood, kUnsure},
         Verdict::unknown,
         "unsure: because"},
        {"failed_before_unknown",
         {},
         run_with(Effect::confirmed),
         {kUnsure, kBad},
         Verdict::failed,
         "bad"},
        {"nothing_checked",
         {},
         run_with(Effect::confirmed),
         {},
         Verdict::unknown,
         "nothing was checked"},
        {"no_effect",
         {},
         run_with(Effect::none),
         {kGood},
         Verdict::invalid,
         "service_kill on log-producer had effect \"none\""},
        {"off_target", {}, run_with(Effect::off_target), {kGood}, Verdict::invalid, "off_target"},
        {"effect_not_measured",
         {},
         run_with(Effect::unknown),
         {kGood},
         Verdict::invalid,
         "unknown"},
        {"never_injected",
         {},
         never_injected(),
         {kGood},
         Verdict::invalid,
         "was not injected: no such process"},
        {"no_effect_before_failed", {}, run_with(Effect::none), {kBad}, Verdict::invalid, "none"},
        {"not_healed",
         {},
         not_healed(),
         {kGood},
         Verdict::failed,
         "could not be healed: it resists"},
        {"steady_state_did_not_hold",
         {"", "lag is 7000"},
         run_with(Effect::confirmed),
         {kBad},
         Verdict::invalid,
         "lag is 7000"},
        {"aborted_before_all",
         {"interrupted", "lag is 7000"},
         run_with(Effect::none),
         {kBad},
         Verdict::aborted,
         "interrupted"},
    }),
    [](const auto& one) { return one.param.name; });

TEST(Verdict, HasItsExitCode) {
  EXPECT_EQ(exit_code(Verdict::passed), 0);
  EXPECT_EQ(exit_code(Verdict::failed), 1);
  EXPECT_EQ(exit_code(Verdict::invalid), 3);
  EXPECT_EQ(exit_code(Verdict::unknown), 4);
  EXPECT_EQ(exit_code(Verdict::aborted), 5);
}

}  // namespace
}  // namespace stormlog::chaos
