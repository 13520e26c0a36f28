// After the faults everything is as before, by itself and in time.

#include "chaos/check/support.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

CheckResult judge(const RunRecord& run, const document::Params& params) {
  const Nanoseconds within = params.duration("within");
  const Json expected = {{"recovered_within_ms", to_ms(within)}};
  const Recovery recovery = find_recovery(run, params.duration("stable"));
  const auto over = faults_over(run);
  if (!recovery.at) {
    if (!recovery.known || !over) return unknown(recovery.why, expected);
    return failed("not recovered by the end of the run: " + recovery.why, Json::object(), expected);
  }
  const Nanoseconds took = *recovery.at - *over;
  const Json measured = {{"recovered_ms", to_ms(took)}};
  if (took > within) {
    return failed(
        "took " + units::human_duration(took) + ", more than " + units::format_duration(within),
        measured, expected);
  }
  return passed(measured, expected);
}

}  // namespace

extern const CheckKind kRecoveredCheck;
const CheckKind kRecoveredCheck = {
    .name = "recovered",
    .summary =
        "From the heal (one-off faults: the injection) until requests are acknowledged, the steady "
        "state holds, breakers are closed and services run again.",
    .params =
        {
            {.name = "within",
             .type = document::ParamType::duration,
             .default_text = "30s",
             .description = "The longest recovery."},
            {.name = "stable",
             .type = document::ParamType::duration,
             .default_text = "2s",
             .description = "Trouble-free load that must follow for it to count."},
        },
    .judge = judge,
};

}  // namespace stormlog::chaos
