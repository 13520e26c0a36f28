#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "resilience/call_window.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::resilience {

// The machine behind CircuitBreaker. State and generation share one atomic word, so that a call is
// admitted in `closed` by one load; everything that changes the machine holds the mutex.
struct CircuitBreaker::Impl {
  Impl(std::string breaker_name, CircuitBreakerConfig breaker_config, const Clock& breaker_clock,
       Random breaker_random);

  // A half-open permit or, with count_inflight_slow, a call under way.
  struct Slot {
    bool used = false;
    std::uint64_t generation = 0;
    MonotonicTime start{};
    bool counted_slow = false;
    std::uint64_t record = 0;  // in the window, once counted as slow
  };
  static constexpr std::uint32_t kNoSlot = ~std::uint32_t{0};

  enum class Settlement { success, failure, ignored };

  BreakerState state() const { return state_of(word.load(std::memory_order_acquire)); }
  static BreakerState state_of(std::uint64_t word) { return static_cast<BreakerState>(word & 7); }
  static std::uint64_t generation_of(std::uint64_t word) { return word >> 3; }

  // All below hold the mutex.
  bool admit(MonotonicTime now, std::uint32_t& slot, std::uint64_t& generation);
  void settle(Settlement how, Nanoseconds duration, std::uint64_t generation, std::uint32_t slot,
              MonotonicTime now);
  void advance(MonotonicTime now);
  void decide(MonotonicTime now);
  void decide_half_open(MonotonicTime now);
  void trip(MonotonicTime now, BreakerEvent::Type reason, double rate);
  void enter(BreakerState to, MonotonicTime now);
  std::uint32_t take_slot(MonotonicTime now);
  Nanoseconds open_time();
  void emit(BreakerEvent event);
  // Without the mutex: hands queued events to the listeners, one thread at a time, in order.
  void dispatch();

  const std::string name;
  const CircuitBreakerConfig config;
  const Clock& clock;
  Random random;

  std::atomic<std::uint64_t> word{0};
  std::atomic<std::uint64_t> not_permitted{0};

  mutable std::mutex mutex;
  std::unique_ptr<CallWindow> window;
  std::unique_ptr<CallWindow> half_open_window;
  std::vector<Slot> slots;
  std::vector<std::uint32_t> free_slots;
  int half_open_used = 0;  // permits out and results in
  int consecutive = 0;
  int opens = 0;  // in a row, without a closed in between
  MonotonicTime open_until{};
  MonotonicTime half_open_since{};
  Metrics totals;
  std::uint64_t sequence = 0;

  std::vector<Listener> listeners;
  std::deque<BreakerEvent> events;
  bool dispatching = false;
};

}  // namespace stormlog::resilience
