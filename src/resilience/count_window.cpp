#include "resilience/count_window.hpp"

#include <algorithm>

namespace stormlog::resilience {

CountWindow::CountWindow(int size) : ring_(static_cast<std::size_t>(size)) {}

CallWindow::Record CountWindow::add(CallOutcome outcome) {
  Entry& entry = ring_[at_];
  if (entry.present) totals_.remove(entry.outcome);
  entry = {.present = true, .outcome = outcome};
  totals_.add(outcome);
  if (++at_ == ring_.size()) at_ = 0;
  return next_++;
}

void CountWindow::add_successes(std::uint64_t calls) {
  for (std::uint64_t left = std::min<std::uint64_t>(calls, ring_.size()); left > 0; --left) add({});
}

bool CountWindow::holds(Record record) const {
  return next_ - record <= ring_.size() && ring_[record % ring_.size()].present;
}

void CountWindow::replace(Record record, CallOutcome before, CallOutcome after) {
  if (!holds(record)) return;
  totals_.remove(before);
  totals_.add(after);
  ring_[record % ring_.size()].outcome = after;
}

void CountWindow::remove(Record record, CallOutcome before) {
  if (!holds(record)) return;
  totals_.remove(before);
  ring_[record % ring_.size()] = {};
}

void CountWindow::clear() {
  std::fill(ring_.begin(), ring_.end(), Entry{});
  at_ = 0;
  next_ = 0;
  totals_ = {};
}

}  // namespace stormlog::resilience
