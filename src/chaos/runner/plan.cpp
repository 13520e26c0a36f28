#include "chaos/runner/plan.hpp"

#include "common/base/random.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

Json probes_of(const std::vector<ProbeStep>& steps) {
  Json list = Json::array();
  for (const ProbeStep& step : steps) {
    list.push_back({{"probe", step.kind}, {"name", step.label}, {"expect", step.expect.text()}});
  }
  return list;
}

}  // namespace

Nanoseconds ttl_of(const Experiment& experiment, const FaultStep& step) {
  if (experiment.limits.ttl > Nanoseconds{0}) return experiment.limits.ttl;
  return step.duration.value_or(Nanoseconds{0}) + std::chrono::minutes{1};
}

std::uint64_t fault_seed(std::uint64_t seed, std::size_t index) {
  // 53 bits: every client of a proxy reads it back without rounding it.
  return Random(seed).fork("fault " + std::to_string(index)).next() >> 11;
}

Json make_plan(const Experiment& experiment, const Stack& stack, std::uint64_t seed) {
  Json plan = {{"title", experiment.title},
               {"file", experiment.file.string()},
               {"stack", stack.file.string()},
               {"seed", seed}};
  plan["load"] = experiment.load ? experiment.load->to_json() : Json();
  plan["steady_state"] = probes_of(experiment.steady_state);
  Json method = Json::array();
  for (const FaultStep& step : experiment.method) {
    Json entry = {{"fault", step.fault}, {"target", step.target}};
    entry["at"] = step.at ? Json(units::format_duration(*step.at)) : Json("after the one before");
    if (step.duration) entry["for"] = units::format_duration(*step.duration);
    entry["ttl"] = units::format_duration(ttl_of(experiment, step));
    const Json params = step.params.to_json();
    if (!params.empty()) entry["params"] = params;
    entry["seed"] = fault_seed(seed, method.size());
    method.push_back(std::move(entry));
  }
  plan["method"] = std::move(method);
  Json checks = Json::array();
  for (const CheckStep& step : experiment.expect) {
    checks.push_back({{"check", step.check}, {"params", step.params.to_json()}});
  }
  plan["expect"] = std::move(checks);
  plan["stop_when"] = probes_of(experiment.stop_when);
  plan["limits"] = {{"max_targets", experiment.limits.max_targets}};
  return plan;
}

std::string render_plan(const Json& plan) {
  std::string text = plan.value("title", "") + "\n  seed " +
                     std::to_string(plan.value("seed", std::uint64_t{0})) + ", stack " +
                     plan.value("stack", "") + "\n";
  const auto line = [&](const std::string& head, const std::string& rest) {
    text += "  " + head + std::string(head.size() < 14 ? 14 - head.size() : 1, ' ') + rest + "\n";
  };
  line("load", plan["load"].is_null() ? "none" : plan["load"].dump());
  for (const Json& probe : plan["steady_state"]) {
    line("steady state", probe.value("name", "") + "  expect " + probe.value("expect", ""));
  }
  for (const Json& step : plan["method"]) {
    std::string rest = step.value("fault", "") + " on " + step.value("target", "");
    if (step.contains("for")) rest += ", healed after " + step.value("for", "");
    if (step.contains("params")) rest += "  " + step["params"].dump();
    line("at " + step.value("at", ""), rest);
  }
  for (const Json& check : plan["expect"]) {
    const Json& params = check["params"];
    line("check", check.value("check", "") + (params.empty() ? "" : "  " + params.dump()));
  }
  for (const Json& probe : plan["stop_when"]) {
    line("stop when", probe.value("name", "") + " is not " + probe.value("expect", ""));
  }
  return text;
}

}  // namespace stormlog::chaos
