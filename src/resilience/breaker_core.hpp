#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "resilience/breaker_hot.hpp"
#include "resilience/call_window.hpp"
#include "resilience/circuit_breaker.hpp"
#include "resilience/count_window.hpp"
#include "resilience/event_queue.hpp"
#include "resilience/half_open_leases.hpp"
#include "resilience/inflight_table.hpp"

namespace stormlog::resilience {

inline double percent(std::uint32_t part, std::uint32_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// The machine behind CircuitBreaker.
//
// What changes often and decides nothing is lock-free: admission, rejection, and a success while
// StateWord::quick() holds. Everything else holds the mutex, and is as plain as if there were one
// thread. Whoever holds it folds the pending successes in before it decides anything, so that one
// thread alone always sees its calls in order.
struct CircuitBreaker::Impl : detail::BreakerHot {
  using Reason = BreakerEvent::Reason;
  enum class Settlement { success, failure, ignored };

  // What a permit carries. The ticket names an in-flight entry (closed, metrics_only) or a
  // half-open lease; 0 is neither.
  struct Admission {
    std::uint64_t generation = 0;
    MonotonicTime start{};
    std::uint64_t ticket = 0;
  };

  Impl(std::string breaker_name, const CircuitBreakerConfig& breaker_config,
       const Clock& breaker_clock, Random breaker_random);

  std::optional<Admission> acquire();
  void settle(const Admission& admission, Settlement how, std::optional<Nanoseconds> duration);
  bool would_permit() const;
  Nanoseconds remaining_open() const;
  void tick();
  bool transition_to(BreakerState to);
  void reset();
  Metrics read_metrics();

  const std::string name;
  const CircuitBreakerConfig config;
  EventQueue events;  // under mutex
  mutable std::mutex mutex;

 private:
  struct Totals {
    std::uint64_t calls = 0;
    std::uint64_t nanoseconds = 0;
    Nanoseconds max{0};
    void add(Nanoseconds duration);
  };

  // breaker_core.cpp: calls.
  Admission admit(BreakerState state, std::uint64_t generation, MonotonicTime now);
  std::optional<Admission> acquire_locked(MonotonicTime now);
  void settle_locked(const Admission& admission, Settlement how, Nanoseconds duration,
                     std::optional<CallWindow::Record> marked, MonotonicTime now);
  void record(Settlement how, Nanoseconds duration, std::optional<CallWindow::Record> marked,
              MonotonicTime now);
  void record_half_open(std::uint64_t ticket, Settlement how, Nanoseconds duration,
                        MonotonicTime now);
  void count_total(Settlement how, Nanoseconds duration);

  // breaker_states.cpp: what moves the machine; all hold the mutex.
  void expire(MonotonicTime now);
  void mark_hanging(MonotonicTime now);
  void decide(MonotonicTime now);
  void decide_half_open(MonotonicTime now);
  void enter(BreakerState to, MonotonicTime now, Reason reason);
  void announce(BreakerEvent event);
  void announce_rate(BreakerEvent::Type type, double rate);
  // Takes the pending successes into totals and window; the stripes then belong to `generation`.
  void fold(std::uint64_t generation);
  // Makes state, generation, permits left and times visible to the lock-free readers.
  void publish(BreakerState state, std::uint64_t generation, bool quick);
  void republish(bool quick);
  int half_open_left() const;
  bool half_open_over(MonotonicTime now) const;
  int calls_needed() const;
  static bool counts_calls(BreakerState state) {
    return StateWord(state, 0, 0, false).counts_calls();
  }

  std::unique_ptr<InflightTable> inflight_;  // with count_inflight_slow

  // Under the mutex from here on.
  Random random_;
  std::unique_ptr<CallWindow> window_;
  CountWindow half_open_window_;
  CallWindow* shown_;  // the one that decided last, for the metrics
  HalfOpenLeases leases_;
  int consecutive_ = 0;
  int opens_ = 0;                   // in a row, without a closed in between
  bool told_failure_rate_ = false;  // metrics_only says once what would have tripped it
  bool told_slow_rate_ = false;
  MonotonicTime half_open_since_{};
  Totals successful_;
  Totals failed_;
  Totals ignored_;
  std::uint64_t transitions_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace stormlog::resilience
