// Percentiles of the requests' latency, counted from the intended start of each.

#include "chaos/check/support.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

struct Percentile {
  const char* name;
  double quantile;
};
constexpr Percentile kPercentiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1.0}};

CheckResult judge(const RunRecord& run, const document::Params& params) {
  Json expected = {{"window", params.text("window")}, {"of", params.text("of")}};
  bool any_limit = false;
  for (const Percentile& percentile : kPercentiles) {
    if (!params.has(percentile.name)) continue;
    any_limit = true;
    expected[std::string(percentile.name) + "_ms"] = to_ms(params.duration(percentile.name));
  }
  if (!any_limit) {
    return unknown("no limit is given: one of p50, p90, p95, p99, max", expected);
  }
  const auto window = phase(run, params.text("window"));
  if (!window) return unknown("the run has no part \"" + params.text("window") + "\"", expected);

  Histogram latency;
  for (const RequestSample& request : run.requests) {
    if (!window->holds(request.intended) || request.outcome == Outcome::unsent) continue;
    if (params.text("of") == "acked" && request.outcome != Outcome::acked) continue;
    latency.record(request.latency());
  }
  if (latency.empty()) return unknown("no request in that part of the run", expected);

  Json measured = {{"requests", latency.count()}};
  std::string reason;
  for (const Percentile& percentile : kPercentiles) {
    const Nanoseconds seen = latency.quantile(percentile.quantile);
    measured[std::string(percentile.name) + "_ms"] = to_ms(seen);
    if (params.has(percentile.name) && seen > params.duration(percentile.name)) {
      reason += (reason.empty() ? "" : ", ") + std::string(percentile.name) + " is " +
                units::human_duration(seen);
    }
  }
  return reason.empty() ? passed(measured, expected) : failed(reason, measured, expected);
}

std::vector<document::ParamSpec> params() {
  std::vector<document::ParamSpec> specs;
  for (const Percentile& percentile : kPercentiles) {
    specs.push_back({.name = percentile.name,
                     .type = document::ParamType::duration,
                     .description = "Limit of this percentile."});
  }
  specs.push_back({.name = "of",
                   .default_text = "all",
                   .description = "Which requests count: all that were sent, or acked ones alone.",
                   .choices = {"all", "acked"}});
  specs.push_back(window_param());
  return specs;
}

}  // namespace

extern const CheckKind kLatencyCheck;
const CheckKind kLatencyCheck = {
    .name = "latency",
    .summary = "Limits on percentiles of the latency, from the intended start of each request.",
    .params = params(),
    .judge = judge,
};

}  // namespace stormlog::chaos
