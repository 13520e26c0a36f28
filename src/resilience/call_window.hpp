#pragma once

#include <cstdint>

#include "common/base/clock.hpp"

namespace stormlog::resilience {

struct CallOutcome {
  bool failed = false;
  bool slow = false;
};

struct WindowTotals {
  std::uint32_t calls = 0;
  std::uint32_t failed = 0;
  std::uint32_t slow = 0;
  std::uint32_t slow_failed = 0;

  void add(CallOutcome outcome) {
    ++calls;
    failed += outcome.failed;
    slow += outcome.slow;
    slow_failed += outcome.failed && outcome.slow;
  }
  void remove(CallOutcome outcome) {
    --calls;
    failed -= outcome.failed;
    slow -= outcome.slow;
    slow_failed -= outcome.failed && outcome.slow;
  }
};

// The calls that a decision rests on, with running totals.
//
// Threads: caller synchronises.
class CallWindow {
 public:
  // Names a call in the window, for replace() and remove().
  using Record = std::uint64_t;

  virtual ~CallWindow() = default;

  // Drops what has become too old. True when totals may have changed by it.
  virtual bool advance(MonotonicTime now) = 0;
  // Adds a call at the time of the last advance().
  virtual Record add(CallOutcome outcome) = 0;
  virtual void add_successes(std::uint64_t calls) = 0;
  // Both do nothing where the call has left the window.
  virtual void replace(Record record, CallOutcome before, CallOutcome after) = 0;
  virtual void remove(Record record, CallOutcome before) = 0;

  virtual WindowTotals totals() const = 0;
  // Forgets all; records from before must not be used any more.
  virtual void clear() = 0;
};

}  // namespace stormlog::resilience
