// What became of one probe of the steady state: that it went on holding shows that something was
// spared; that it was lost shows that the fault was felt where it should be.

#include "chaos/check/support.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

CheckResult judge(const RunRecord& run, const document::Params& params) {
  const std::string& probe = params.text("probe");
  const bool should_hold = params.text("was") == "held";
  const Json expected = {
      {"probe", probe}, {"was", params.text("was")}, {"window", params.text("window")}};
  const auto window = phase(run, params.text("window"));
  if (!window) return unknown("the run has no part \"" + params.text("window") + "\"", expected);
  std::uint64_t held = 0;
  std::uint64_t lost = 0;
  std::uint64_t no_data = 0;
  std::string seen;
  for (const ProbeObservation& look : run.steady_state) {
    if (look.probe != probe || !window->holds(look.at)) continue;
    if (look.held) {
      ++held;
      continue;
    }
    ++(look.has_data ? lost : no_data);
    seen = look.seen;
  }
  const Json measured = {{"held", held}, {"lost", lost}, {"no_data", no_data}};
  if (held + lost + no_data == 0) {
    return unknown("no probe of the steady state is called \"" + probe +
                       "\", or it was not looked at in that part of the run",
                   expected);
  }
  if (should_hold) {
    if (lost + no_data == 0) return passed(measured, expected);
    return failed("did not hold " + std::to_string(lost + no_data) + " of " +
                      std::to_string(held + lost + no_data) + " times, at last with " + seen,
                  measured, expected);
  }
  // No data is no sign of anything.
  if (lost > 0) return passed(measured, expected);
  if (held == 0) return unknown("the probe had no data: " + seen, expected);
  return failed("held all the time: nothing was felt there", measured, expected);
}

}  // namespace

extern const CheckKind kSteadyStateCheck;
const CheckKind kSteadyStateCheck = {
    .name = "steady_state",
    .summary = "One probe of the steady state held all the time, or was lost as it should.",
    .params = {{.name = "probe",
                .required = true,
                .description = "The probe's name in steady_state."},
               {.name = "was",
                .default_text = "held",
                .description = "held: at each look, with data; lost: at one look at least.",
                .choices = {"held", "lost"}},
               window_param()},
    .judge = judge,
};

}  // namespace stormlog::chaos
