#pragma once

#include <vector>

#include "resilience/call_window.hpp"

namespace stormlog::resilience {

// The calls of the last `seconds` seconds, the current one included, in buckets of one second of
// the monotonic clock. A time before that of the last advance() changes nothing.
class TimeWindow final : public CallWindow {
 public:
  explicit TimeWindow(int seconds);

  // When the second that `time` lies in is over.
  static MonotonicTime end_of_second(MonotonicTime time) {
    return MonotonicTime{std::chrono::seconds(second_of(time) + 1)};
  }

  bool advance(MonotonicTime now) override;
  Record add(CallOutcome outcome) override;
  void add_successes(std::uint64_t calls) override;
  void replace(Record record, CallOutcome before, CallOutcome after) override;
  void remove(Record record, CallOutcome before) override;
  WindowTotals totals() const override { return totals_; }
  void clear() override;

 private:
  static std::int64_t second_of(MonotonicTime time);
  WindowTotals& bucket_of(std::int64_t second);
  bool holds(Record record) const;

  std::vector<WindowTotals> buckets_;
  std::int64_t second_ = 0;
  WindowTotals totals_;
};

}  // namespace stormlog::resilience
