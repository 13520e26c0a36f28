// A circuit breaker opened in time, went through the named states, and closed in time.

#include <algorithm>

#include "chaos/check/support.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

// The two clocks meet through the wall clock: a transition may read as a little early.
constexpr Nanoseconds kClockSlack = std::chrono::milliseconds{5};

std::vector<const BreakerTransition*> transitions_of(const RunRecord& run,
                                                     const document::Params& params) {
  std::vector<const BreakerTransition*> found;
  for (const BreakerTransition& transition : run.transitions) {
    if (transition.breaker != params.text("name")) continue;
    if (params.has("service") && transition.service != params.text("service")) continue;
    found.push_back(&transition);
  }
  return found;
}

Json path_of(const std::vector<const BreakerTransition*>& transitions) {
  Json path = Json::array();
  for (const BreakerTransition* transition : transitions) {
    path.push_back(
        {{"from", transition->from}, {"to", transition->to}, {"at_ms", to_ms(transition->at)}});
  }
  return path;
}

CheckResult judge_stays(const RunRecord& run, const document::Params& params, Json expected) {
  const auto transitions = transitions_of(run, params);
  if (transitions.empty()) return passed({{"transitions", 0}}, std::move(expected));
  return failed("it went from " + transitions.front()->from + " to " + transitions.front()->to,
                {{"path", path_of(transitions)}}, std::move(expected));
}

Json expectation(const document::Params& params) {
  Json expected = {{"name", params.text("name")}};
  for (const char* key : {"opens_within", "closes_within"}) {
    if (params.has(key)) expected[std::string(key) + "_ms"] = to_ms(params.duration(key));
  }
  for (const char* key : {"passes", "stays"}) {
    if (params.has(key)) expected[key] = params.text(key);
  }
  return expected;
}

CheckResult judge(const RunRecord& run, const document::Params& params) {
  const std::string& name = params.text("name");
  Json expected = expectation(params);
  if (const auto unseen = unseen_breaker(run, name)) return unknown(*unseen, expected);
  if (params.has("stays")) return judge_stays(run, params, expected);

  const auto injected = first_injection(run);
  const auto over = faults_over(run);
  if (!injected) return unknown("no fault was injected", expected);
  auto transitions = transitions_of(run, params);
  std::erase_if(transitions, [&](const BreakerTransition* transition) {
    return transition->at < *injected - kClockSlack;
  });
  Json measured = Json::object();
  const auto fail = [&](const std::string& reason) {
    measured["path"] = path_of(transitions);
    return failed(reason, measured, expected);
  };

  const auto opened = std::find_if(transitions.begin(), transitions.end(),
                                   [](const auto* transition) { return transition->to == "open"; });
  if (opened == transitions.end()) return fail("it did not open");
  const Nanoseconds opened_after = std::max(Nanoseconds{0}, (*opened)->at - *injected);
  measured["opened_ms"] = to_ms(opened_after);
  if (params.has("opens_within") && opened_after > params.duration("opens_within")) {
    return fail("opened after " + units::human_duration(opened_after));
  }
  if (params.has("passes")) {
    // The last time counts: what was before led back to open.
    const auto passed_state = std::find_if(
        transitions.rbegin(), std::make_reverse_iterator(opened),
        [&](const auto* transition) { return transition->to == params.text("passes"); });
    if (passed_state == std::make_reverse_iterator(opened)) {
      return fail("it was never " + params.text("passes"));
    }
    measured[params.text("passes") + "_ms"] = to_ms((*passed_state)->at - *injected);
  }
  if (transitions.back()->to != "closed") {
    return fail("it is still " + transitions.back()->to + " at the end");
  }
  measured["closed_ms"] = to_ms(transitions.back()->at - *injected);
  if (params.has("closes_within")) {
    if (!over) return fail("a fault was not healed");
    const Nanoseconds closed_after = std::max(Nanoseconds{0}, transitions.back()->at - *over);
    if (closed_after > params.duration("closes_within")) {
      return fail("closed " + units::human_duration(closed_after) + " after the fault was over");
    }
  }
  measured["path"] = path_of(transitions);
  return passed(measured, expected);
}

}  // namespace

extern const CheckKind kBreakerCheck;
const CheckKind kBreakerCheck = {
    .name = "breaker",
    .summary = "A circuit breaker opened, passed a state and closed again, in time; or stayed put.",
    .params =
        {
            {.name = "name", .required = true, .description = "Name of the breaker."},
            {.name = "service", .description = "Service that has it; any if absent."},
            {.name = "opens_within",
             .type = document::ParamType::duration,
             .description = "From the first injection."},
            {.name = "passes",
             .description = "A state it must go through after it opened.",
             .choices = {"half_open"}},
            {.name = "closes_within",
             .type = document::ParamType::duration,
             .description = "From the last heal; for one-off faults from the injection."},
            {.name = "stays",
             .description = "It must not change its state at all.",
             .choices = {"closed"}},
        },
    .judge = judge,
};

}  // namespace stormlog::chaos
