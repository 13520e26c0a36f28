#include "resilience/call_window.hpp"

#include <algorithm>
#include <chrono>

namespace stormlog::resilience {
namespace {

void count(WindowTotals& totals, CallOutcome outcome, std::uint32_t by) {
  totals.calls += by;
  if (outcome.failed) totals.failed += by;
  if (outcome.slow) totals.slow += by;
  if (outcome.failed && outcome.slow) totals.slow_failed += by;
}

constexpr std::uint32_t kPlusOne = 1;
constexpr std::uint32_t kMinusOne = ~std::uint32_t{0};  // wraps: unsigned arithmetic is modular

void subtract(WindowTotals& from, const WindowTotals& part) {
  from.calls -= part.calls;
  from.failed -= part.failed;
  from.slow -= part.slow;
  from.slow_failed -= part.slow_failed;
}

}  // namespace

std::uint64_t CountWindow::add(CallOutcome outcome, MonotonicTime) {
  CallOutcome& slot = ring_[next_ % ring_.size()];
  if (next_ - first_ == ring_.size()) {
    count(totals_, slot, kMinusOne);
    ++first_;
  }
  slot = outcome;
  count(totals_, outcome, kPlusOne);
  return next_++;
}

void CountWindow::amend(std::uint64_t record, CallOutcome before, CallOutcome after) {
  if (record < first_ || record >= next_) return;
  count(totals_, before, kMinusOne);
  count(totals_, after, kPlusOne);
  ring_[record % ring_.size()] = after;
}

void CountWindow::clear() {
  first_ = next_;
  totals_ = {};
}

void TimeWindow::advance(std::uint64_t second) {
  if (second <= now_) return;
  // After a long silence every bucket is stale: one round clears them all.
  const std::uint64_t steps = std::min<std::uint64_t>(second - now_, buckets_.size());
  for (std::uint64_t i = 0; i < steps; ++i) {
    Bucket& bucket = buckets_[(second - i) % buckets_.size()];
    subtract(totals_, bucket.totals);
    bucket = {second - i, {}};
  }
  now_ = second;
}

std::uint64_t TimeWindow::add(CallOutcome outcome, MonotonicTime now) {
  advance(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count()));
  count(buckets_[now_ % buckets_.size()].totals, outcome, kPlusOne);
  count(totals_, outcome, kPlusOne);
  return now_;
}

void TimeWindow::amend(std::uint64_t record, CallOutcome before, CallOutcome after) {
  Bucket& bucket = buckets_[record % buckets_.size()];
  if (bucket.second != record || bucket.totals.calls == 0) return;
  for (WindowTotals* totals : {&bucket.totals, &totals_}) {
    count(*totals, before, kMinusOne);
    count(*totals, after, kPlusOne);
  }
}

WindowTotals TimeWindow::totals(MonotonicTime now) {
  advance(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count()));
  return totals_;
}

void TimeWindow::clear() {
  for (Bucket& bucket : buckets_) bucket.totals = {};
  totals_ = {};
}

}  // namespace stormlog::resilience
