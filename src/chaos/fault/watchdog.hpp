#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "chaos/fault/undo_journal.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace stormlog::chaos {

// What a watchdog does at each look at the undo journal of one HOME: heals the records whose owner
// has ended (but for detached ones) or whose TTL is over.
//
// Threads:  caller synchronises.
// Blocking: as long as healing takes.
// Lifetime: `clock` must outlive it.
class WatchdogRounds {
 public:
  WatchdogRounds(const std::filesystem::path& home, const Clock& clock);

  // One look. Healing that failed is tried again later and later, and each of its errors is told
  // once.
  void look();
  // Since when there has been no record that can be read.
  MonotonicTime idle_since() const { return idle_since_; }

 private:
  struct Seen {
    MonotonicTime expires{};  // by a clock that nobody can set back
    MonotonicTime try_at{};
    Nanoseconds pause{};  // before the next try
    std::string error;
  };
  bool is_due(const UndoRecord& record, const Seen& seen) const;
  void heal(const UndoRecord& record, Seen& seen);

  UndoJournal journal_;
  const Clock& clock_;
  MonotonicTime idle_since_;
  std::map<std::string, Seen> seen_;
  std::string list_error_;
};

// The watchdog's own loop, in the process that start_watchdog() made: looks until no record has
// been there for a while. Returns without error when another watchdog goes on serving this HOME.
Result<void> run_watchdog(const std::filesystem::path& home);

}  // namespace stormlog::chaos
