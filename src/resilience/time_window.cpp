#include "resilience/time_window.hpp"

#include <algorithm>
#include <chrono>

namespace stormlog::resilience {

TimeWindow::TimeWindow(int seconds) : buckets_(static_cast<std::size_t>(seconds)) {}

std::int64_t TimeWindow::second_of(MonotonicTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

WindowTotals& TimeWindow::bucket_of(std::int64_t second) {
  return buckets_[static_cast<std::uint64_t>(second) % buckets_.size()];
}

bool TimeWindow::advance(MonotonicTime now) {
  const std::int64_t second = second_of(now);
  if (second <= second_) return false;
  // After a long silence every bucket is stale: one round clears them all.
  const std::int64_t stale = std::min(second - second_, static_cast<std::int64_t>(buckets_.size()));
  for (std::int64_t i = 0; i < stale; ++i) {
    WindowTotals& bucket = bucket_of(second - i);
    totals_.calls -= bucket.calls;
    totals_.failed -= bucket.failed;
    totals_.slow -= bucket.slow;
    totals_.slow_failed -= bucket.slow_failed;
    bucket = {};
  }
  second_ = second;
  return true;
}

CallWindow::Record TimeWindow::add(CallOutcome outcome) {
  bucket_of(second_).add(outcome);
  totals_.add(outcome);
  return static_cast<Record>(second_);
}

void TimeWindow::add_successes(std::uint64_t calls) {
  bucket_of(second_).calls += static_cast<std::uint32_t>(calls);
  totals_.calls += static_cast<std::uint32_t>(calls);
}

bool TimeWindow::holds(Record record) const {
  return static_cast<std::uint64_t>(second_) - record < buckets_.size();
}

void TimeWindow::replace(Record record, CallOutcome before, CallOutcome after) {
  if (!holds(record)) return;
  for (WindowTotals* totals : {&bucket_of(static_cast<std::int64_t>(record)), &totals_}) {
    totals->remove(before);
    totals->add(after);
  }
}

void TimeWindow::remove(Record record, CallOutcome before) {
  if (!holds(record)) return;
  bucket_of(static_cast<std::int64_t>(record)).remove(before);
  totals_.remove(before);
}

void TimeWindow::clear() {
  std::fill(buckets_.begin(), buckets_.end(), WindowTotals{});
  totals_ = {};
}

}  // namespace stormlog::resilience
