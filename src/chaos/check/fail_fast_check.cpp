// While the breaker is open, requests are refused at once and told when to come back.

#include <algorithm>
#include <map>

#include "chaos/check/support.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

// From each opening to the half-open that follows; half-open requests may be the trial.
std::vector<Interval> open_intervals(const RunRecord& run, const std::string& breaker) {
  std::vector<Interval> intervals;
  std::optional<Nanoseconds> opened;
  for (const BreakerTransition& transition : run.transitions) {
    if (transition.breaker != breaker) continue;
    if (opened) intervals.push_back({*opened, transition.at});
    opened = transition.to == "open" ? std::optional(transition.at) : std::nullopt;
  }
  if (opened) intervals.push_back({*opened, run.load_to + Nanoseconds{1}});
  return intervals;
}

CheckResult judge(const RunRecord& run, const document::Params& params) {
  const std::string& breaker = params.text("name");
  const auto status = static_cast<std::uint16_t>(params.integer("status"));
  Json expected = {{"p99_ms", to_ms(params.duration("p99"))},
                   {"status", status},
                   {"retry_after", params.boolean("retry_after")}};
  if (const auto unseen = unseen_breaker(run, breaker)) return unknown(*unseen, expected);
  const auto intervals = open_intervals(run, breaker);
  if (intervals.empty()) return unknown("breaker " + breaker + " did not open", expected);

  Histogram latency;
  std::map<std::string, std::uint64_t> answers;
  std::uint64_t wrong = 0;
  std::uint64_t without_retry_after = 0;
  for (const RequestSample& request : run.requests) {
    const auto open =
        std::find_if(intervals.begin(), intervals.end(),
                     [&](const Interval& interval) { return interval.holds(request.intended); });
    if (open == intervals.end()) continue;
    // Answered later than half-open: only a matter of this check when it had the time before.
    // Leaving all of those out would hide the slowest.
    const bool answered_inside = open->holds(request.done);
    if (!answered_inside && request.intended + params.duration("p99") >= open->to) continue;
    latency.record(request.latency());
    ++answers[request.status == 0 ? std::string(to_string(request.outcome))
                                  : std::to_string(request.status)];
    if (!answered_inside) continue;
    if (request.status != status) ++wrong;
    if (request.status == status && !request.retry_after) ++without_retry_after;
  }
  if (latency.empty()) return unknown("no request fell into the time it was open", expected);

  const Json measured = {{"requests", latency.count()},
                         {"p50_ms", to_ms(latency.quantile(0.5))},
                         {"p99_ms", to_ms(latency.quantile(0.99))},
                         {"max_ms", to_ms(latency.max())},
                         {"answers", answers}};
  if (wrong > 0) {
    return failed(std::to_string(wrong) + " of " + std::to_string(latency.count()) +
                      " requests were not answered " + std::to_string(status),
                  measured, expected);
  }
  if (params.boolean("retry_after") && without_retry_after > 0) {
    return failed(std::to_string(without_retry_after) + " answers carry no Retry-After", measured,
                  expected);
  }
  if (latency.quantile(0.99) > params.duration("p99")) {
    return failed("p99 is " + units::human_duration(latency.quantile(0.99)), measured, expected);
  }
  return passed(measured, expected);
}

}  // namespace

extern const CheckKind kFailFastCheck;
const CheckKind kFailFastCheck = {
    .name = "fail_fast",
    .summary = "From open to half-open each request is refused at once, with Retry-After.",
    .params =
        {
            {.name = "name", .required = true, .description = "Name of the breaker."},
            {.name = "p99",
             .type = document::ParamType::duration,
             .default_text = "10ms",
             .description = "Longest 99th percentile, from the intended time of the request."},
            {.name = "status",
             .type = document::ParamType::integer,
             .default_text = "503",
             .description = "Status that each of them must have.",
             .min = 400,
             .max = 599},
            {.name = "retry_after",
             .type = document::ParamType::boolean,
             .default_text = "true",
             .description = "Whether each answer must carry Retry-After."},
        },
    .judge = judge,
};

}  // namespace stormlog::chaos
