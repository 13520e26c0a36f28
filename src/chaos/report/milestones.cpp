#include "chaos/report/milestones.hpp"

#include <algorithm>

#include "chaos/check/support.hpp"

namespace stormlog::chaos {
namespace {

// Trouble-free load that makes a recovery; the default of the check `recovered`.
constexpr Nanoseconds kStable = std::chrono::seconds{2};

// Two clocks meet through the wall clock: a transition may read as a little early.
constexpr Nanoseconds kClockSlack = std::chrono::milliseconds{5};

void read_breaker(const RunRecord& run, Milestones& milestones) {
  const Nanoseconds injected = *milestones.injected;
  const BreakerTransition* first = nullptr;
  for (const BreakerTransition& transition : run.transitions) {
    if (transition.to == "open" && transition.at >= injected - kClockSlack) {
      first = &transition;
      break;
    }
  }
  if (first == nullptr) return;
  milestones.opened = std::max(injected, first->at);
  for (const BreakerTransition& transition : run.transitions) {
    if (transition.breaker != first->breaker || transition.service != first->service ||
        transition.at < first->at) {
      continue;
    }
    if (transition.to == "half_open") milestones.half_open = transition.at;
    milestones.closed =
        transition.to == "closed" ? std::optional<Nanoseconds>(transition.at) : std::nullopt;
  }
}

}  // namespace

Milestones milestones_of(const RunRecord& run) {
  Milestones milestones;
  milestones.drained = run.drained;
  milestones.injected = first_injection(run);
  if (!milestones.injected) return milestones;
  for (const RequestSample& request : run.requests) {
    if (request.outcome == Outcome::acked || request.done < *milestones.injected) continue;
    milestones.detected = std::min(milestones.detected.value_or(Nanoseconds::max()), request.done);
  }
  read_breaker(run, milestones);
  milestones.recovered = find_recovery(run, kStable).at;
  return milestones;
}

}  // namespace stormlog::chaos
