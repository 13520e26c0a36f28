#include "chaos/report/verdict_json.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "chaos/check/support.hpp"
#include "chaos/ledger/reconciliation_text.hpp"
#include "chaos/report/milestones.hpp"
#include "common/base/histogram.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

// Whole milliseconds without a fraction: 10002, 0.38.
Json ms(Nanoseconds offset) {
  const double value = to_ms(offset);
  if (value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

Json ms(const std::optional<Nanoseconds>& offset) {
  return offset ? ms(*offset) : Json();
}

Json checks_json(const std::vector<CheckReport>& checks) {
  Json list = Json::array();
  for (const CheckReport& check : checks) {
    Json entry = {{"check", check.check},
                  {"result", std::string(to_string(check.result.outcome))},
                  {"measured", check.result.measured},
                  {"expected", check.result.expected}};
    if (!check.result.reason.empty()) entry["reason"] = check.result.reason;
    if (!check.params.empty()) entry["params"] = check.params;
    if (!check.place.empty()) entry["place"] = check.place;
    list.push_back(std::move(entry));
  }
  return list;
}

Json faults_json(const std::vector<FaultRecord>& faults) {
  Json list = Json::array();
  for (const FaultRecord& fault : faults) {
    Json entry = {{"id", fault.id}, {"fault", fault.fault}, {"target", fault.target}};
    if (!fault.params.empty()) entry["params"] = fault.params;
    entry["injected_ms"] = ms(fault.injected);
    entry["healed_ms"] = ms(fault.healed);
    entry["effect"] = std::string(to_string(fault.effect));
    entry["measured"] = fault.measured;
    if (!fault.error.empty()) entry["error"] = fault.error;
    list.push_back(std::move(entry));
  }
  return list;
}

Json recovery_json(const RunRecord& run) {
  const Milestones milestones = milestones_of(run);
  const auto since = [&](const std::optional<Nanoseconds>& at) {
    return at && milestones.injected ? ms(*at - *milestones.injected) : Json();
  };
  return {{"detected_ms", since(milestones.detected)},   {"opened_ms", since(milestones.opened)},
          {"half_open_ms", since(milestones.half_open)}, {"closed_ms", since(milestones.closed)},
          {"recovered_ms", since(milestones.recovered)}, {"drained_ms", since(milestones.drained)}};
}

Json load_json(const RunRecord& run) {
  if (!run.had_load) return nullptr;
  Histogram latency;
  std::uint64_t events = 0;
  std::map<std::string, std::uint64_t> answers;
  for (const RequestSample& request : run.requests) {
    events += request.events;
    ++answers[request.status == 0 ? std::string(to_string(request.outcome))
                                  : std::to_string(request.status)];
    if (request.outcome != Outcome::unsent) latency.record(request.latency());
  }
  Json json = {{"from_ms", ms(run.load_from)},
               {"to_ms", ms(run.load_to)},
               {"requests", run.requests.size()},
               {"events", events},
               {"answers", answers}};
  if (!latency.empty()) {
    json["latency"] = {{"p50_ms", ms(latency.quantile(0.5))},
                       {"p90_ms", ms(latency.quantile(0.9))},
                       {"p95_ms", ms(latency.quantile(0.95))},
                       {"p99_ms", ms(latency.quantile(0.99))},
                       {"max_ms", ms(latency.max())}};
  }
  return json;
}

Json ids_of(const std::vector<EventReference>& events) {
  Json ids = Json::array();
  for (const EventReference& event : events) ids.push_back(event.id);
  return ids;
}

Json ledger_json(const std::optional<Reconciliation>& ledger) {
  if (!ledger) return nullptr;
  Json json = to_json(*ledger);
  json["lost_ids"] = ids_of(ledger->lost_events);
  json["duplicated_ids"] = ids_of(ledger->duplicated_events);
  return json;
}

Json transitions_json(const std::vector<BreakerTransition>& transitions) {
  Json list = Json::array();
  for (const BreakerTransition& transition : transitions) {
    list.push_back({{"at_ms", ms(transition.at)},
                    {"service", transition.service},
                    {"breaker", transition.breaker},
                    {"from", transition.from},
                    {"to", transition.to},
                    {"source", transition.source}});
  }
  return list;
}

Json processes_json(const std::vector<ProcessEvent>& processes) {
  Json list = Json::array();
  for (const ProcessEvent& event : processes) {
    Json entry = {{"at_ms", ms(event.at)},
                  {"service", event.service},
                  {"event", event.kind == ProcessEvent::Kind::ended ? "ended" : "started"},
                  {"pid", event.pid}};
    if (!event.detail.empty()) entry["detail"] = event.detail;
    if (!event.fault.empty()) entry["fault"] = event.fault;
    list.push_back(std::move(entry));
  }
  return list;
}

Json memory_json(const RunRecord& run) {
  Json services = Json::object();
  for (const auto& [service, use] : memory_uses(run)) {
    services[service] = {{"before_bytes", use.before ? Json(*use.before) : Json()},
                         {"peak_bytes", use.peak},
                         {"after_bytes", use.after}};
  }
  return services;
}

}  // namespace

Json verdict_json(const RunOutcome& outcome) {
  const RunRecord& run = outcome.record;
  Json json = {{"verdict", std::string(to_string(outcome.verdict))}};
  json["reason"] = outcome.reason;
  json["title"] = run.title;
  json["name"] = outcome.name;
  json["seed"] = run.seed;
  json["started"] = units::format_rfc3339(run.started);
  json["duration_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(run.duration).count();
  json["checks"] = checks_json(outcome.checks);
  json["faults"] = faults_json(run.faults);
  json["recovery"] = recovery_json(run);
  json["load"] = load_json(run);
  json["ledger"] = ledger_json(run.ledger);
  json["transitions"] = transitions_json(run.transitions);
  json["processes"] = processes_json(run.processes);
  json["memory"] = memory_json(run);
  return json;
}

}  // namespace stormlog::chaos
