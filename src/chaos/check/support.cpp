#include "chaos/check/support.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/suggest.hpp"

namespace stormlog::chaos {
namespace {

constexpr Nanoseconds kStable = std::chrono::seconds{1};

}  // namespace

std::string_view to_string(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::passed:
      return "passed";
    case CheckOutcome::failed:
      return "failed";
    case CheckOutcome::unknown:
      return "unknown";
  }
  return "?";
}

double to_ms(Nanoseconds duration) {
  return std::round(static_cast<double>(duration.count()) / 1e3) / 1e3;
}

CheckResult passed(nlohmann::ordered_json measured, nlohmann::ordered_json expected) {
  return {CheckOutcome::passed, std::move(measured), std::move(expected), {}};
}

CheckResult failed(std::string reason, nlohmann::ordered_json measured,
                   nlohmann::ordered_json expected) {
  return {CheckOutcome::failed, std::move(measured), std::move(expected), std::move(reason)};
}

CheckResult unknown(std::string reason, nlohmann::ordered_json expected) {
  return {CheckOutcome::unknown, nlohmann::ordered_json::object(), std::move(expected),
          std::move(reason)};
}

std::optional<std::string> unseen_breaker(const RunRecord& run, const std::string& name) {
  const std::vector<std::string>& seen = run.breakers_seen;
  if (std::find(seen.begin(), seen.end(), name) != seen.end()) return std::nullopt;
  std::string why = "no service told of a breaker \"" + name + "\"" + did_you_mean(name, seen);
  for (const std::string& refused : run.breakers_refused) why += "; " + refused;
  if (!run.breakers_refused.empty()) {
    why += " (a token goes into the service's `headers` in the stack file)";
  }
  return why;
}

std::optional<Nanoseconds> first_injection(const RunRecord& run) {
  std::optional<Nanoseconds> first;
  for (const FaultRecord& fault : run.faults) {
    if (fault.injected && (!first || *fault.injected < *first)) first = fault.injected;
  }
  return first;
}

std::optional<Nanoseconds> faults_over(const RunRecord& run) {
  std::optional<Nanoseconds> last;
  for (const FaultRecord& fault : run.faults) {
    if (!fault.injected) continue;
    const std::optional<Nanoseconds> over = fault.lasting ? fault.healed : fault.injected;
    if (!over) return std::nullopt;
    if (!last || *over > *last) last = over;
  }
  return last;
}

Recovery find_recovery(const RunRecord& run, Nanoseconds stable) {
  const auto injected = first_injection(run);
  const auto over = faults_over(run);
  if (!injected) return {std::nullopt, "no fault was injected", false};
  if (!over) return {std::nullopt, "a fault was not healed", true};

  Nanoseconds last_trouble = *over;
  std::string trouble;
  const auto note = [&](Nanoseconds at, const std::string& what) {
    if (at < *injected || at <= last_trouble) return;
    last_trouble = at;
    trouble = what;
  };
  Nanoseconds last_good{-1};
  for (const RequestSample& request : run.requests) {
    if (request.outcome == Outcome::acked) {
      last_good = std::max(last_good, request.done);
    } else {
      note(request.done, "requests are not acknowledged (" +
                             std::string(to_string(request.outcome)) + ", status " +
                             std::to_string(request.status) + ")");
    }
  }
  for (const ProbeObservation& look : run.steady_state) {
    if (!look.held) note(look.at, "steady state: " + look.probe + ": " + look.seen);
  }
  std::map<std::string, const BreakerTransition*> last_state;
  for (const BreakerTransition& transition : run.transitions) {
    last_state[transition.service + "/" + transition.breaker] = &transition;
    if (transition.at >= *injected && transition.to == "closed") {
      note(transition.at, "breaker " + transition.breaker);
    }
  }
  for (const auto& [name, transition] : last_state) {
    if (transition->to == "open" || transition->to == "half_open") {
      return {std::nullopt, "breaker " + transition->breaker + " is still " + transition->to, true};
    }
  }
  std::map<std::string, const ProcessEvent*> last_process;
  for (const ProcessEvent& event : run.processes) last_process[event.service] = &event;
  for (const auto& [service, event] : last_process) {
    if (event->kind == ProcessEvent::Kind::ended) {
      return {std::nullopt, service + " has not started again", true};
    }
    note(event->at, service + " started");
  }

  if (!run.had_load) return {std::nullopt, "there was no load to show a recovery", false};
  if (last_good < last_trouble || last_good - last_trouble < stable) {
    // Trouble up to the end is a failure; an end that came too early is not known.
    if (last_good < last_trouble && !trouble.empty()) return {std::nullopt, trouble, true};
    return {std::nullopt, "less than the stable time of load was seen after the last trouble",
            false};
  }
  return {last_trouble, {}, true};
}

std::map<std::string, MemoryUse> memory_uses(const RunRecord& run) {
  std::map<std::string, MemoryUse> uses;
  const auto injected = first_injection(run);
  if (!injected) return uses;
  for (const MemorySample& sample : run.memory) {
    MemoryUse& use = uses[sample.service];
    if (sample.at < *injected) {
      use.before = std::max(use.before.value_or(0), sample.bytes);
    } else {
      use.peak = std::max(use.peak, sample.bytes);
    }
    use.after = sample.bytes;
  }
  return uses;
}

std::optional<Interval> phase(const RunRecord& run, const std::string& name) {
  const Interval all{run.load_from, run.load_to + Nanoseconds{1}};
  if (name == "all") return all;
  const auto injected = first_injection(run);
  if (!injected) return name == "before" ? std::optional<Interval>(all) : std::nullopt;
  if (name == "before") return Interval{all.from, *injected};

  auto end = faults_over(run);
  const bool one_off_only = std::none_of(run.faults.begin(), run.faults.end(),
                                         [](const FaultRecord& fault) { return fault.lasting; });
  if (one_off_only) end = find_recovery(run, kStable).at;
  if (!end) return name == "during" ? std::optional<Interval>({*injected, all.to}) : std::nullopt;
  return name == "during" ? Interval{*injected, *end} : Interval{*end, all.to};
}

document::ParamSpec window_param() {
  return {.name = "window",
          .default_text = "all",
          .description =
              "Requests of which part of the run: during is from the first injection "
              "to the last heal, and for one-off faults to the recovery.",
          .choices = {"all", "before", "during", "after"}};
}

}  // namespace stormlog::chaos
