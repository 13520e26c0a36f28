#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "chaos/check/check.hpp"

// A finished run in a few words, and tables of checks that judge it.
namespace stormlog::chaos::test {

inline Nanoseconds seconds(double value) {
  return Nanoseconds{static_cast<Nanoseconds::rep>(value * 1e9)};
}

// The plain story: 20 s of load at 10 requests a second, log-producer killed at 5 s, refused from
// then to 8 s by the breaker "producer", everything acknowledged before and after.
class Story {
 public:
  static constexpr int kRate = 10;

  static Story healthy() {
    Story run;
    run.record.title = "a run";
    run.record.had_load = true;
    run.record.load_from = seconds(0);
    run.record.load_to = seconds(20);
    run.record.duration = seconds(25);
    run.record.processes_watched = {"api-gateway", "log-producer"};
    run.record.breakers_seen = {"producer"};
    run.fill(0, 20, Outcome::acked, 202, 0.002);
    Reconciliation ledger;
    ledger.complete = true;
    ledger.order_known = true;
    ledger.sent = ledger.acked = ledger.delivered = 200;
    run.record.ledger = ledger;
    return run;
  }

  static Story killed() {
    Story run = healthy();
    run.record.requests.clear();
    run.fill(0, 5, Outcome::acked, 202, 0.002);
    run.fill(5, 8, Outcome::indeterminate, 503, 0.0005, true);
    run.fill(8, 20, Outcome::acked, 202, 0.002);
    run.one_off(5);
    run.transition(5.0, "closed", "open");
    run.transition(7.95, "open", "half_open");
    run.transition(8.0, "half_open", "closed");
    run.process(5, ProcessEvent::Kind::ended, "f1");
    run.process(6, ProcessEvent::Kind::started);
    return run;
  }

  // Requests with intended times in [from, to).
  Story& fill(double from, double to, Outcome outcome, std::uint16_t status, double latency,
              bool retry_after = false) {
    for (int i = static_cast<int>(from * kRate); i < static_cast<int>(to * kRate); ++i) {
      RequestSample request;
      request.intended = request.sent = seconds(static_cast<double>(i) / kRate);
      request.done = request.intended + seconds(latency);
      request.status = status;
      request.events = 1;
      request.outcome = outcome;
      request.retry_after = retry_after;
      record.requests.push_back(request);
    }
    return *this;
  }

  Story& one_off(double at) {
    FaultRecord fault;
    fault.id = "f1";
    fault.fault = "service_kill";
    fault.target = "log-producer";
    fault.injected = seconds(at);
    fault.effect = Effect::confirmed;
    record.faults.push_back(fault);
    return *this;
  }

  Story& lasting(double from, std::optional<double> healed) {
    one_off(from);
    record.faults.back().fault = "service_pause";
    record.faults.back().lasting = true;
    if (healed) record.faults.back().healed = seconds(*healed);
    return *this;
  }

  Story& transition(double at, const std::string& from, const std::string& to) {
    record.transitions.push_back({"api-gateway", "producer", from, to, seconds(at), "events"});
    return *this;
  }

  Story& process(double at, ProcessEvent::Kind kind, const std::string& fault = "",
                 const std::string& service = "log-producer") {
    record.processes.push_back({service, kind, seconds(at), 4711, "", fault});
    return *this;
  }

  Story& probe(double at, bool held) {
    record.steady_state.push_back(
        {"http ready", seconds(at), true, held, held ? "status 200" : "status 503"});
    return *this;
  }

  RunRecord record;
};

struct CheckCase {
  std::string name;
  std::string check;
  std::vector<std::string> words;  // parameters: "within=3s"
  std::function<RunRecord()> run;
  CheckOutcome outcome;
  std::string reason = {};  // part of it
};

inline void PrintTo(const CheckCase& one, std::ostream* out) {
  *out << one.check << " " << one.name;
}

inline CheckResult judge(const std::string& check, const std::vector<std::string>& words,
                         const RunRecord& run) {
  const CheckKind* kind = find_check_kind(check);
  if (kind == nullptr) throw std::invalid_argument("no check " + check);
  const auto params = document::parse_params(words, kind->params, check);
  if (!params.ok()) throw std::invalid_argument(params.error().message);
  return kind->judge(run, *params);
}

inline void expect_outcome(const CheckCase& one) {
  const CheckResult result = judge(one.check, one.words, one.run());
  EXPECT_EQ(to_string(result.outcome), to_string(one.outcome)) << result.reason << "\n"
                                                               << result.measured.dump();
  EXPECT_THAT(result.reason, testing::HasSubstr(one.reason));
  // Whoever reads a result that is not good is told why.
  EXPECT_EQ(result.reason.empty(), result.outcome == CheckOutcome::passed);
  EXPECT_TRUE(result.expected.is_object());
}

inline std::string case_name(const testing::TestParamInfo<CheckCase>& info) {
  return info.param.check + "_" + info.param.name;
}

}  // namespace stormlog::chaos::test
