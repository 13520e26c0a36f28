#include "chaos/report/report.hpp"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "chaos/check/check_test_support.hpp"
#include "common/base/file.hpp"

namespace stormlog::chaos {
namespace {

using test::seconds;
using test::Story;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;

CheckReport report_of(const std::string& check, const std::vector<std::string>& words,
                      const RunRecord& run) {
  CheckReport report;
  report.check = check;
  report.place = "e.yaml:9";
  report.result = test::judge(check, words, run);
  return report;
}

// A producer is killed, the breaker opens, all comes back, one event is lost.
RunOutcome lost_one() {
  RunOutcome outcome;
  outcome.name = "20260131T120000Z-producer-kill";
  outcome.folder = "/tmp/runs/20260131T120000Z-producer-kill";
  Story run = Story::killed();
  run.record.title = "A producer is killed";
  run.record.seed = 7;
  run.record.started = WallTime{std::chrono::seconds{1'769'860'800}};
  run.record.drained = seconds(22);
  run.record.faults[0].measured = {{"died_after_ms", 3}};
  run.probe(5.5, false).probe(6, false).probe(8, true);
  Reconciliation& ledger = *run.record.ledger;
  ledger.acked = 170;
  ledger.indeterminate = 30;
  ledger.delivered = 169;
  ledger.lost = 1;
  ledger.lost_events = {{"id-7", "k", 7, {}, "logs"}};
  ledger.windows = {{"before", seconds(0), seconds(5), 50, 50, 0, 0, 0, 49, 1, 0}};
  outcome.record = run.record;
  outcome.checks = {
      report_of("no_loss", {}, run.record),
      report_of("breaker", {"name=producer", "opens_within=3s", "passes=half_open"}, run.record),
      report_of("fail_fast", {"name=producers"}, run.record)};
  outcome.verdict = Verdict::failed;
  outcome.reason = "no_loss: " + outcome.checks[0].result.reason;
  return outcome;
}

TEST(ReportText, TellsTheStoryTheChecksTheLedgerAndTheVerdict) {
  EXPECT_EQ(render_text(lost_one(), false), R"text(
A producer is killed

Timeline
      0.000 s  load started
      5.000 s  inject service_kill on log-producer, effect confirmed
      5.000 s  breaker producer (api-gateway): closed → open
      5.000 s  log-producer ended, pid 4711
      5.000 s  first request not acknowledged
      5.500 s  steady state lost: http ready: status 503
      6.000 s  log-producer started, pid 4711
      7.950 s  breaker producer (api-gateway): open → half_open
      8.000 s  breaker producer (api-gateway): half_open → closed
      8.000 s  steady state again: http ready: status 200
      8.000 s  recovered
     20.000 s  load ended
     22.000 s  drained

Checks
               measured                                              expected
  ✗ no_loss    lost 1, sent 200, acked 170, delivered 169            lost 0
               1 acknowledged events are nowhere; the first is id-7
  ✓ breaker    opened 0 ms, half open 2.95 s, closed 3.00 s          name producer, opens within 3.00 s, passes half open
  ? fail_fast  -                                                     p99 10.0 ms, status 503, retry after
               no service told of a breaker "producers" (did you mean "producer"?)

Ledger  sent 200, acked 170, delivered 169, lost 1, duplicated 0, indeterminate 30
        lost: id-7
VERDICT FAILED: no_loss: 1 acknowledged events are nowhere; the first is id-7  (25.0 s, seed 7)
Run     /tmp/runs/20260131T120000Z-producer-kill
)text");
}

TEST(ReportText, HasColoursOnlyWhenAsked) {
  EXPECT_THAT(render_text(lost_one(), false), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render_text(lost_one(), true), HasSubstr("\x1b[31mFAILED\x1b[0m"));
}

TEST(ReportText, OfAFlappingBreakerShowsTheBeginningAndTheEnd) {
  RunOutcome outcome = lost_one();
  for (int i = 0; i < 200; ++i) {
    const double at = 9 + i * 0.01;
    outcome.record.transitions.push_back(
        {"api-gateway", "producer", "open", "half_open", seconds(at), "events"});
  }
  const std::string text = render_text(outcome, false);
  EXPECT_THAT(text, HasSubstr("more in journal.ndjson"));
  EXPECT_THAT(text, HasSubstr("load started"));
  EXPECT_THAT(text, HasSubstr("drained"));
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 80);
}

TEST(ReportText, OfARunThatDidNothingIsShort) {
  RunOutcome outcome;
  outcome.verdict = Verdict::aborted;
  outcome.reason = "interrupted";
  outcome.record.title = "t";
  const std::string text = render_text(outcome, false);
  EXPECT_THAT(text, HasSubstr("VERDICT ABORTED: interrupted"));
  EXPECT_THAT(text, Not(HasSubstr("Timeline")));
  EXPECT_THAT(text, Not(HasSubstr("Ledger")));
}

TEST(VerdictJson, HoldsWhatOtherToolsLeanOn) {
  const auto json = verdict_json(lost_one());
  EXPECT_EQ(json["verdict"], "failed");
  EXPECT_EQ(json["title"], "A producer is killed");
  EXPECT_EQ(json["name"], "20260131T120000Z-producer-kill");
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["started"], "2026-01-31T12:00:00.000Z");
  EXPECT_EQ(json["duration_ms"].dump(), "25000");
  EXPECT_EQ(json["checks"][0]["check"], "no_loss");
  EXPECT_EQ(json["checks"][0]["result"], "failed");
  EXPECT_EQ(json["checks"][0]["measured"]["lost"], 1);
  EXPECT_EQ(json["checks"][0]["expected"]["lost"], 0);
  EXPECT_EQ(json["checks"][2]["result"], "unknown");
  EXPECT_EQ(
      json["faults"].dump(),
      R"([{"id":"f1","fault":"service_kill","target":"log-producer","injected_ms":5000,"healed_ms":null,"effect":"confirmed","measured":{"died_after_ms":3}}])");
  EXPECT_EQ(
      json["recovery"].dump(),
      R"({"detected_ms":0.5,"opened_ms":0,"half_open_ms":2950,"closed_ms":3000,"recovered_ms":3000,"drained_ms":17000})");
  EXPECT_EQ(json["ledger"]["lost"], 1);
  EXPECT_EQ(json["ledger"]["lost_ids"].dump(), R"(["id-7"])");
  EXPECT_EQ(json["ledger"]["windows"][0]["delivered"], 49);
  EXPECT_EQ(json["load"]["answers"].dump(), R"({"202":170,"503":30})");
  EXPECT_EQ(json["transitions"].size(), 3U);
  EXPECT_EQ(json["processes"][0]["event"], "ended");
}

TEST(VerdictJson, OfARunWithoutFaultsHasNoRecovery) {
  RunOutcome outcome;
  outcome.record = Story::healthy().record;
  const auto json = verdict_json(outcome);
  for (const auto& [key, value] : json["recovery"].items()) EXPECT_TRUE(value.is_null()) << key;
}

TEST(VerdictJson, ABreakerThatIsOpenAtTheEndIsNotClosed) {
  RunOutcome outcome;
  Story run = Story::killed();
  run.transition(9, "closed", "open");
  outcome.record = run.record;
  const auto recovery = verdict_json(outcome)["recovery"];
  EXPECT_EQ(recovery["opened_ms"], 0);
  EXPECT_TRUE(recovery["closed_ms"].is_null());
  EXPECT_TRUE(recovery["recovered_ms"].is_null());
}

TEST(VerdictJson, TellsTheMemoryOfEachServiceAroundTheFaults) {
  RunOutcome outcome = lost_one();
  outcome.record.memory = {{"redis", seconds(1), 10},
                           {"redis", seconds(6), 30},
                           {"redis", seconds(9), 20},
                           {"kafka", seconds(9), 5}};
  const Json memory = verdict_json(outcome)["memory"];
  EXPECT_EQ(memory["redis"], (Json{{"before_bytes", 10}, {"peak_bytes", 30}, {"after_bytes", 20}}));
  EXPECT_TRUE(memory["kafka"]["before_bytes"].is_null());
}

TEST(Junit, HasATestCaseForEachCheck) {
  const std::string xml = junit_xml(lost_one());
  EXPECT_THAT(xml, HasSubstr(R"(tests="3" failures="1" errors="1" skipped="0" time="25.000")"));
  EXPECT_THAT(xml, HasSubstr(R"(timestamp="2026-01-31T12:00:00Z")"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"1 acknowledged events are nowhere"));
  EXPECT_THAT(xml,
              HasSubstr("<error message=\"no service told of a breaker &quot;producers&quot;"));
  EXPECT_THAT(xml, HasSubstr("name=\"breaker\" time=\"0\"/>"));
}

TEST(Junit, AnInvalidRunIsAnErrorAndItsUnknownChecksAreSkipped) {
  RunOutcome outcome = lost_one();
  outcome.verdict = Verdict::invalid;
  outcome.reason = "service_kill on log-producer had effect \"none\"";
  const std::string xml = junit_xml(outcome);
  EXPECT_THAT(xml, HasSubstr(R"(tests="4" failures="1" errors="1" skipped="1")"));
  EXPECT_THAT(xml, HasSubstr(R"(name="run" time="0">)"));
  EXPECT_THAT(xml, HasSubstr("<error message=\"invalid: service_kill on log-producer"));
}

TEST(Junit, EscapesWhatXmlCannotHold) {
  RunOutcome outcome;
  outcome.verdict = Verdict::failed;
  outcome.record.title = "<a & \"b\">";
  CheckReport check;
  check.check = "no_loss";
  check.result = {CheckOutcome::failed, {}, {}, std::string("bell \x07, broken \xff, line\nend")};
  outcome.checks = {check};
  const std::string xml = junit_xml(outcome);
  EXPECT_THAT(xml, HasSubstr("name=\"&lt;a &amp; &quot;b&quot;&gt;\""));
  EXPECT_THAT(xml, HasSubstr("bell \xEF\xBF\xBD, broken \xEF\xBF\xBD, line&#10;end"));
}

TEST(Reports, AreWrittenIntoTheRunsFolder) {
  char pattern[] = "/tmp/stormlog-report-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern), nullptr);
  RunOutcome outcome = lost_one();
  outcome.folder = pattern;
  outcome.reason += " \xff";  // of a foreign system
  ASSERT_TRUE(write_reports(outcome).ok());
  const auto verdict = file::read(outcome.folder / "verdict.json");
  ASSERT_TRUE(verdict.ok());
  EXPECT_EQ(nlohmann::json::parse(*verdict)["verdict"], "failed");
  const auto junit = file::read(outcome.folder / "junit.xml");
  ASSERT_TRUE(junit.ok());
  EXPECT_EQ(*junit, junit_xml(outcome));
  std::filesystem::remove_all(outcome.folder);

  const auto missing = write_reports(outcome);
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("junit.xml"));
}

}  // namespace
}  // namespace stormlog::chaos
