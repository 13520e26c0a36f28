#pragma once

#include <vector>

#include "resilience/call_window.hpp"

namespace stormlog::resilience {

// The last `size` calls: a ring. A call that was removed leaves a hole until it would have left.
class CountWindow final : public CallWindow {
 public:
  explicit CountWindow(int size);

  bool advance(MonotonicTime) override { return false; }
  Record add(CallOutcome outcome) override;
  void add_successes(std::uint64_t calls) override;
  void replace(Record record, CallOutcome before, CallOutcome after) override;
  void remove(Record record, CallOutcome before) override;
  WindowTotals totals() const override { return totals_; }
  void clear() override;

 private:
  struct Entry {
    bool present = false;
    CallOutcome outcome;
  };
  bool holds(Record record) const;

  std::vector<Entry> ring_;
  std::size_t at_ = 0;  // next_ % ring_.size(), without the division
  Record next_ = 0;
  WindowTotals totals_;
};

}  // namespace stormlog::resilience
