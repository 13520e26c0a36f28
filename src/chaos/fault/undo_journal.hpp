#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chaos/fault/fault.hpp"
#include "common/base/process.hpp"

namespace stormlog::chaos {

// How to heal one fault, as it stands on disk: HOME/undo/<id>.json.
struct UndoRecord {
  std::string id;
  std::string fault;
  std::string target;
  std::string stack_file;
  std::vector<std::string> profiles;
  ProcessIdentity owner;  // the engine that injected it; gone = the watchdog heals
  std::string run;        // the run's name; "" for `inject`
  bool detached = false;  // from `inject` without waiting: stays until TTL or `heal`
  WallTime injected{};
  WallTime expires{};  // TTL: healed at the latest then
  nlohmann::ordered_json undo;
};

// The undo journal of one HOME. A record is on disk, synced, before its fault goes in, and leaves
// it only after the fault was healed.
//
// Threads: thread-safe; several processes may use one HOME.
class UndoJournal {
 public:
  explicit UndoJournal(std::filesystem::path home);

  Result<void> add(const UndoRecord& record);
  // Idempotent.
  Result<void> remove(const std::string& id);
  // All records, the oldest first; unreadable files are reported in `damaged`, and never dropped.
  Result<std::vector<UndoRecord>> list(std::vector<std::string>* damaged = nullptr) const;
  // Heals by the record's fault kind and removes it. Two callers at once, in one process or in two,
  // heal once. When it cannot be healed the record stays.
  Result<void> heal(const UndoRecord& record);

 private:
  std::filesystem::path home_;
  std::filesystem::path folder_;
};

// A fresh fault id: "f-" and 10 letters.
std::string new_fault_id();

// Starts the watchdog for this process: a process of its own session that heals every record whose
// owner has ended or whose TTL is over, and ends when no record of this HOME is left and its owner
// is gone. One watchdog serves one HOME: starting a second is harmless.
Result<void> start_watchdog(const std::filesystem::path& home,
                            const std::filesystem::path& stormlog_program);

}  // namespace stormlog::chaos
