#include "chaos/report/timeline.hpp"

#include <algorithm>
#include <map>

#include "chaos/report/milestones.hpp"

namespace stormlog::chaos {
namespace {

using Tone = TimelineEntry::Tone;

void add_faults(const RunRecord& run, std::vector<TimelineEntry>& entries) {
  for (const FaultRecord& fault : run.faults) {
    const std::string what = fault.fault + " on " + fault.target;
    if (fault.injected) {
      std::string text = "inject " + what + ", effect " + std::string(to_string(fault.effect));
      entries.push_back({*fault.injected, std::move(text), Tone::trouble});
    }
    if (fault.healed && fault.lasting) entries.push_back({*fault.healed, "healed " + what, {}});
  }
}

void add_processes(const RunRecord& run, std::vector<TimelineEntry>& entries) {
  for (const ProcessEvent& event : run.processes) {
    const bool ended = event.kind == ProcessEvent::Kind::ended;
    std::string text = event.service + (ended ? " ended" : " started");
    if (event.pid > 0) text += ", pid " + std::to_string(event.pid);
    if (!event.detail.empty()) text += ", " + event.detail;
    if (ended && event.fault.empty()) text += ", and no fault ended it";
    entries.push_back({event.at, std::move(text), ended ? Tone::trouble : Tone::plain});
  }
}

// Of each probe only the changes: it is looked at many times a second.
void add_steady_state(const RunRecord& run, std::vector<TimelineEntry>& entries) {
  std::map<std::string, bool> held;
  for (const ProbeObservation& look : run.steady_state) {
    const auto [entry, is_new] = held.emplace(look.probe, true);
    if (entry->second == look.held) continue;
    entry->second = look.held;
    entries.push_back({look.at,
                       (look.held ? "steady state again: " : "steady state lost: ") + look.probe +
                           ": " + look.seen,
                       look.held ? Tone::plain : Tone::trouble});
  }
}

}  // namespace

std::vector<TimelineEntry> timeline_of(const RunRecord& run) {
  std::vector<TimelineEntry> entries;
  if (run.had_load) {
    entries.push_back({run.load_from, "load started", {}});
    entries.push_back({run.load_to, "load ended", {}});
  }
  add_faults(run, entries);
  for (const BreakerTransition& transition : run.transitions) {
    entries.push_back({transition.at,
                       "breaker " + transition.breaker + " (" + transition.service +
                           "): " + transition.from + " → " + transition.to,
                       transition.to == "closed" ? Tone::good : Tone::plain});
  }
  add_processes(run, entries);
  add_steady_state(run, entries);
  const Milestones milestones = milestones_of(run);
  if (milestones.detected) {
    entries.push_back({*milestones.detected, "first request not acknowledged", Tone::trouble});
  }
  if (milestones.recovered) entries.push_back({*milestones.recovered, "recovered", Tone::good});
  if (milestones.drained) entries.push_back({*milestones.drained, "drained", Tone::good});
  std::stable_sort(entries.begin(), entries.end(),
                   [](const TimelineEntry& a, const TimelineEntry& b) { return a.at < b.at; });
  return entries;
}

}  // namespace stormlog::chaos
