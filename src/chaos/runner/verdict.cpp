#include "chaos/runner/verdict.hpp"

namespace stormlog::chaos {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return "passed";
    case Verdict::failed:
      return "failed";
    case Verdict::invalid:
      return "invalid";
    case Verdict::unknown:
      return "unknown";
    case Verdict::aborted:
      return "aborted";
  }
  return "unknown";
}

int exit_code(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return 0;
    case Verdict::failed:
      return 1;
    case Verdict::invalid:
      return 3;
    case Verdict::unknown:
      return 4;
    case Verdict::aborted:
      return 5;
  }
  return 4;
}

namespace {

std::string ineffective_fault(const RunRecord& run) {
  for (const FaultRecord& fault : run.faults) {
    const std::string what = fault.fault + " on " + fault.target;
    if (!fault.injected) {
      return what + " was not injected" + (fault.error.empty() ? "" : ": " + fault.error);
    }
    if (fault.effect != Effect::confirmed) {
      return what + " had effect \"" + std::string(to_string(fault.effect)) + "\"" +
             (fault.error.empty() ? "" : ": " + fault.error);
    }
  }
  return {};
}

const CheckReport* first_with(const std::vector<CheckReport>& checks, CheckOutcome outcome) {
  for (const CheckReport& check : checks) {
    if (check.result.outcome == outcome) return &check;
  }
  return nullptr;
}

}  // namespace

Verdict decide(const RunEnd& end, const RunRecord& run, const std::vector<CheckReport>& checks,
               std::string& reason) {
  reason = end.aborted;
  if (!reason.empty()) return Verdict::aborted;
  reason = end.invalid.empty() ? ineffective_fault(run) : end.invalid;
  if (!reason.empty()) return Verdict::invalid;
  if (const CheckReport* failed = first_with(checks, CheckOutcome::failed)) {
    reason = failed->check + ": " + failed->result.reason;
    return Verdict::failed;
  }
  for (const FaultRecord& fault : run.faults) {
    if (fault.lasting && !fault.healed) {
      reason = fault.fault + " on " + fault.target + " could not be healed: " + fault.error;
      return Verdict::failed;
    }
  }
  if (const CheckReport* unknown = first_with(checks, CheckOutcome::unknown)) {
    reason = unknown->check + ": " + unknown->result.reason;
    return Verdict::unknown;
  }
  if (checks.empty()) {
    reason = "nothing was checked";
    return Verdict::unknown;
  }
  return Verdict::passed;
}

}  // namespace stormlog::chaos
