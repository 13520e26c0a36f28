#include "resilience/inflight_table.hpp"

#include <algorithm>

#include "resilience/thread_ordinal.hpp"

namespace stormlog::resilience {
namespace {

constexpr unsigned kTries = 64;
constexpr int kIndexBits = 12;
static_assert(InflightTable::kCapacity == 1U << kIndexBits);
// Threads start their search far from each other.
constexpr unsigned kSpread = 271;

constexpr std::uint64_t turn_of(std::uint64_t tag) {
  return tag >> 2;
}
constexpr std::uint64_t make_tag(std::uint64_t turn, std::uint64_t phase) {
  return turn << 2 | phase;
}
constexpr std::uint64_t turn_of_ticket(std::uint64_t ticket) {
  return (ticket & ~(std::uint64_t{1} << 63)) >> kIndexBits;
}
constexpr std::uint64_t index_of_ticket(std::uint64_t ticket) {
  return ticket & (InflightTable::kCapacity - 1);
}

}  // namespace

std::uint64_t InflightTable::enter(std::uint64_t generation, MonotonicTime start) {
  // Where this thread found room last; also used by other tables, which does no harm.
  static thread_local constinit unsigned hint = 0;
  if (hint == 0) hint = thread_ordinal() * kSpread;
  for (unsigned i = 0; i < kTries; ++i) {
    const unsigned index = hint++ % kCapacity;
    Slot& slot = slots_[index];
    std::uint64_t tag = slot.tag.load(std::memory_order_relaxed);
    const std::uint64_t turn = turn_of(tag) + 1;
    if ((tag & 3) != kFree ||
        !slot.tag.compare_exchange_strong(tag, make_tag(turn, kEntering), std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
      continue;
    }
    slot.generation.store(generation, std::memory_order_relaxed);
    slot.start.store(start.time_since_epoch().count(), std::memory_order_relaxed);
    slot.tag.store(make_tag(turn, kRunning), std::memory_order_release);
    return kTicketBit | turn << kIndexBits | index;
  }
  return 0;
}

bool InflightTable::leave(std::uint64_t ticket) {
  const std::uint64_t turn = turn_of_ticket(ticket);
  std::uint64_t running = make_tag(turn, kRunning);
  return slots_[index_of_ticket(ticket)].tag.compare_exchange_strong(
      running, make_tag(turn, kFree), std::memory_order_release, std::memory_order_relaxed);
}

CallWindow::Record InflightTable::leave_marked(std::uint64_t ticket) {
  Slot& slot = slots_[index_of_ticket(ticket)];
  const CallWindow::Record record = slot.record;
  slot.tag.store(make_tag(turn_of_ticket(ticket), kFree), std::memory_order_release);
  return record;
}

bool InflightTable::mark_older(std::uint64_t generation, MonotonicTime start,
                               const std::function<CallWindow::Record()>& record) {
  struct Hanging {
    Nanoseconds::rep start;
    Slot* slot;
    std::uint64_t tag;
  };
  std::vector<Hanging> hanging;
  for (Slot& slot : slots_) {
    const std::uint64_t tag = slot.tag.load(std::memory_order_acquire);
    if ((tag & 3) != kRunning) continue;
    if (slot.generation.load(std::memory_order_relaxed) != generation) continue;
    const Nanoseconds::rep started = slot.start.load(std::memory_order_relaxed);
    if (started < start.time_since_epoch().count()) hanging.push_back({started, &slot, tag});
  }
  // The oldest first: so they also leave the window.
  std::sort(hanging.begin(), hanging.end(),
            [](const Hanging& a, const Hanging& b) { return a.start < b.start; });
  bool any = false;
  for (auto& [started, slot, tag] : hanging) {
    // Fails where the call ended meanwhile; then what was read may be another call's.
    if (!slot->tag.compare_exchange_strong(tag, make_tag(turn_of(tag), kMarked),
                                           std::memory_order_acq_rel, std::memory_order_relaxed)) {
      continue;
    }
    slot->record = record();
    any = true;
  }
  return any;
}

}  // namespace stormlog::resilience
