#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "chaos/stack/stack.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/document/params.hpp"

namespace stormlog::chaos {

struct SelfCheck {
  Effect effect = Effect::unknown;
  nlohmann::ordered_json measured;  // what was really seen: {"died_after_ms":3,"pid":4711}
};

// One fault on one target, from intent to healed. Called in this order, each at most once but for
// heal(): preflight, undo, inject, verify, heal.
//
// Threads:  caller synchronises.
// Blocking: verify() at most a few seconds; the others shortly.
class Fault {
 public:
  virtual ~Fault() = default;
  // Whether its means and its target are there. Touches nothing.
  virtual Result<void> preflight() = 0;
  // How to heal it, by a process that knows nothing else; null for a one-off, which needs none.
  // Written to disk and synced by the caller before inject(). Identity is PID + start time.
  virtual nlohmann::ordered_json undo() const = 0;
  virtual Result<void> inject() = 0;
  // Measures what inject() really did. `none` and `off_target` make the run invalid.
  virtual SelfCheck verify() = 0;
  // Idempotent; also right after a failed or partial inject().
  virtual Result<void> heal() = 0;
};

struct FaultContext {
  const Stack& stack;
  std::string id;          // of this injection, unique on the machine
  std::string target;      // a service or a link
  Nanoseconds ttl;         // the fault must not outlive this, whoever dies
  std::uint64_t seed = 0;  // decides its random choices
};

// One fault = one file that defines one of these, registered in one line in registry.cpp.
struct FaultKind {
  std::string name;
  std::string summary;
  std::string target_kind;  // "service", "link"
  // Own parameters; `at`, `for` and `target` are the experiment's.
  std::vector<document::ParamSpec> params;
  enum class Duration { one_off, lasting, either };
  Duration duration = Duration::one_off;  // whether `for` is refused, required or optional
  std::unique_ptr<Fault> (*make)(const FaultContext& context, const document::Params& params,
                                 bool has_for);
  // Heals from what undo() returned; for the watchdog and `doctor`. Idempotent. The stack holds
  // nothing but `file` and `home` when its file can no longer be read.
  Result<void> (*heal_from)(const Stack& stack, const nlohmann::ordered_json& undo);
};

const std::vector<const FaultKind*>& fault_kinds();
const FaultKind* find_fault_kind(const std::string& name);

}  // namespace stormlog::chaos
