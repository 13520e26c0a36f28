#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "chaos/check/check.hpp"
#include "chaos/experiment/run_record.hpp"
#include "common/base/histogram.hpp"

// What several checks ask of a run.
namespace stormlog::chaos {

struct Interval {
  Nanoseconds from{};
  Nanoseconds to{};
  bool holds(Nanoseconds at) const { return at >= from && at < to; }
};

// Milliseconds with three decimals, for measured and expected values.
double to_ms(Nanoseconds duration);

CheckResult passed(nlohmann::ordered_json measured, nlohmann::ordered_json expected);
CheckResult failed(std::string reason, nlohmann::ordered_json measured,
                   nlohmann::ordered_json expected);
CheckResult unknown(std::string reason, nlohmann::ordered_json expected);

// Why nothing is known of a breaker of that name; empty where a service told of one.
std::optional<std::string> unseen_breaker(const RunRecord& run, const std::string& name);

// When the first fault went in; empty when none did.
std::optional<Nanoseconds> first_injection(const RunRecord& run);
// When the last fault was over: healed, or injected where it is a one-off; empty when no fault went
// in, or one was never healed.
std::optional<Nanoseconds> faults_over(const RunRecord& run);

struct Recovery {
  std::optional<Nanoseconds> at;  // end of the last trouble; empty: not recovered, or not known
  std::string why;                // when `at` is empty
  bool known = true;              // false: there is too little data to tell
};

// The end of the last trouble after the faults: a request that was not acknowledged, a steady-state
// probe that did not hold, a breaker that was not closed, a service that had not started again.
// It counts only when `stable` of quiet load was seen behind it.
Recovery find_recovery(const RunRecord& run, Nanoseconds stable);

// The memory of one service, in bytes.
struct MemoryUse {
  std::optional<std::uint64_t> before;  // the most before the first fault; empty: not seen then
  std::uint64_t peak = 0;               // the most after the first fault went in, up to the end
  std::uint64_t after = 0;              // at the end
};

// By service; without a fault, or without a sample, there is none.
std::map<std::string, MemoryUse> memory_uses(const RunRecord& run);

// The part of a run that a check is about: all | before | during | after. `during` is from the
// first injection to the last heal, and for one-off faults to the recovery.
std::optional<Interval> phase(const RunRecord& run, const std::string& name);

// The parameter `window` of checks on requests.
document::ParamSpec window_param();

}  // namespace stormlog::chaos
