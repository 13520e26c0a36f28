// The share of events that were not acknowledged.

#include "chaos/check/support.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

CheckResult judge(const RunRecord& run, const document::Params& params) {
  const double max = params.number("max_percent");
  const Json expected = {{"max_percent", max}, {"window", params.text("window")}};
  const auto window = phase(run, params.text("window"));
  if (!window) return unknown("the run has no part \"" + params.text("window") + "\"", expected);
  std::uint64_t events = 0;
  std::uint64_t errors = 0;
  for (const RequestSample& request : run.requests) {
    if (!window->holds(request.intended)) continue;
    events += request.events;
    if (request.outcome != Outcome::acked) errors += request.events;
  }
  if (events == 0) return unknown("no event in that part of the run", expected);
  const double percent = 100.0 * static_cast<double>(errors) / static_cast<double>(events);
  const Json measured = {{"events", events}, {"errors", errors}, {"percent", percent}};
  if (percent > max) {
    return failed(
        std::to_string(errors) + " of " + std::to_string(events) + " events were not acknowledged",
        measured, expected);
  }
  return passed(measured, expected);
}

}  // namespace

extern const CheckKind kErrorRateCheck;
const CheckKind kErrorRateCheck = {
    .name = "error_rate",
    .summary = "Limit on the share of events that were not acknowledged.",
    .params = {{.name = "max_percent",
                .type = document::ParamType::number,
                .required = true,
                .description = "Highest share, in percent of the events.",
                .min = 0,
                .max = 100},
               window_param()},
    .judge = judge,
};

}  // namespace stormlog::chaos
