#pragma once

#include <cstdint>
#include <vector>

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
};

// The last calls that a decision rests on, with running totals.
//
// Threads: caller synchronises.
class CallWindow {
 public:
  virtual ~CallWindow() = default;
  // Names the record for amend().
  virtual std::uint64_t add(CallOutcome outcome, MonotonicTime now) = 0;
  // Changes a record that is still in the window; one that has left it stays gone.
  virtual void amend(std::uint64_t record, CallOutcome before, CallOutcome after) = 0;
  virtual WindowTotals totals(MonotonicTime now) = 0;
  virtual void clear() = 0;
};

// The last `size` calls.
class CountWindow final : public CallWindow {
 public:
  explicit CountWindow(std::size_t size) : ring_(size) {}
  std::uint64_t add(CallOutcome outcome, MonotonicTime now) override;
  void amend(std::uint64_t record, CallOutcome before, CallOutcome after) override;
  WindowTotals totals(MonotonicTime) override { return totals_; }
  void clear() override;

 private:
  std::vector<CallOutcome> ring_;
  std::uint64_t next_ = 0;   // ordinal of the next record
  std::uint64_t first_ = 0;  // ordinal of the oldest record that counts
  WindowTotals totals_;
};

// The calls of the last `seconds` seconds, in buckets of one second on the monotonic clock.
class TimeWindow final : public CallWindow {
 public:
  explicit TimeWindow(std::size_t seconds) : buckets_(seconds) {}
  std::uint64_t add(CallOutcome outcome, MonotonicTime now) override;
  void amend(std::uint64_t record, CallOutcome before, CallOutcome after) override;
  WindowTotals totals(MonotonicTime now) override;
  void clear() override;

 private:
  struct Bucket {
    std::uint64_t second = 0;
    WindowTotals totals;
  };
  void advance(std::uint64_t second);
  std::vector<Bucket> buckets_;
  std::uint64_t now_ = 0;
  WindowTotals totals_;
};

}  // namespace stormlog::resilience
