#pragma once

#include <cstdint>

#include "resilience/event.hpp"

namespace stormlog::resilience {

// All that an admission in `closed` must know, in one 64-bit word:
//   bits 0–2 state | 3 quick | 4–19 half-open permits left | 20–63 generation
// The generation changes with every state change and every reset, so that a call which was admitted
// before can be told from one of now. At one change per microsecond 44 bits last for 200 days, and
// a stale call would have to live through exactly that many to be mistaken.
class StateWord {
 public:
  static constexpr int kMaxPermits = 0xffff;

  constexpr explicit StateWord(std::uint64_t bits) : bits_(bits) {}
  constexpr StateWord(BreakerState state, std::uint64_t generation, int permits_left, bool quick)
      : bits_(static_cast<std::uint64_t>(state) | (quick ? kQuickBit : 0) |
              (static_cast<std::uint64_t>(permits_left) & kMaxPermits) << kPermitShift |
              generation << kGenerationShift) {}

  constexpr std::uint64_t bits() const { return bits_; }
  constexpr BreakerState state() const { return static_cast<BreakerState>(bits_ & 7); }
  constexpr std::uint64_t generation() const { return bits_ >> kGenerationShift; }
  constexpr int permits_left() const {
    return static_cast<int>((bits_ >> kPermitShift) & kMaxPermits);
  }
  constexpr bool counts_calls() const {
    return state() == BreakerState::closed || state() == BreakerState::metrics_only;
  }
  // A success that is not slow cannot lead to a decision: it need not take the lock.
  constexpr bool quick() const { return (bits_ & kQuickBit) != 0; }

  static constexpr std::uint64_t next_generation(std::uint64_t generation) {
    return (generation + 1) & (~std::uint64_t{0} >> kGenerationShift);
  }

 private:
  static constexpr std::uint64_t kQuickBit = 1 << 3;
  static constexpr int kPermitShift = 4;
  static constexpr int kGenerationShift = 20;

  std::uint64_t bits_;
};

}  // namespace stormlog::resilience
