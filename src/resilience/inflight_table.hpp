#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "common/base/clock.hpp"
#include "resilience/call_window.hpp"

namespace stormlog::resilience {

// The calls under way, so that one that hangs can be counted as slow before it ends. Entering and
// leaving take no lock. Beyond kCapacity calls at once some are not entered: those are seen when
// they end.
//
// Threads: enter() and leave() from any thread; mark_older() and leave_marked() by whoever holds
//          the breaker's mutex.
class InflightTable {
 public:
  static constexpr unsigned kCapacity = 4096;

  InflightTable() : slots_(kCapacity) {}

  static constexpr bool is_ticket(std::uint64_t ticket) { return (ticket & kTicketBit) != 0; }

  // 0: not entered. Any other ticket has the highest bit set.
  std::uint64_t enter(std::uint64_t generation, MonotonicTime start);
  // False when the call was marked: leave_marked() is due, under the mutex.
  bool leave(std::uint64_t ticket);
  CallWindow::Record leave_marked(std::uint64_t ticket);
  // Marks the calls of `generation` that started before `start`, each with what `record` returns.
  // True when there was one.
  bool mark_older(std::uint64_t generation, MonotonicTime start,
                  const std::function<CallWindow::Record()>& record);

 private:
  static constexpr std::uint64_t kTicketBit = std::uint64_t{1} << 63;
  // A slot's tag is its turn and its phase. The turn ascends with each call, so that a tag never
  // comes back and a call cannot be taken for the next one in its slot.
  enum Phase : std::uint64_t { kFree = 0, kEntering = 1, kRunning = 2, kMarked = 3 };
  struct Slot {
    std::atomic<std::uint64_t> tag{kFree};
    std::atomic<std::uint64_t> generation{0};
    std::atomic<Nanoseconds::rep> start{0};
    CallWindow::Record record = 0;  // under the mutex
  };
  std::vector<Slot> slots_;
};

}  // namespace stormlog::resilience
