#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"
#include "common/base/result.hpp"
#include "resilience/breaker_hot.hpp"
#include "resilience/event.hpp"

namespace stormlog::resilience {

struct CircuitBreakerConfig {
  enum class Window { count, time };

  Window window = Window::count;
  int window_size = 100;  // calls, or seconds for a time window
  // No decision on the rates below this many recorded calls; a count window that is smaller, or
  // fewer half-open permits, take its place.
  int minimum_calls = 100;
  double failure_rate_percent = 50;
  double slow_rate_percent = 100;
  std::chrono::milliseconds slow_call{60'000};  // slow when longer than this
  // Opens after this many failures in a row whatever the rates say; 0 = off. For a dead peer, that
  // refuses connections, a rate over a window is needlessly late.
  int consecutive_failures = 0;
  int half_open_permits = 10;
  std::chrono::milliseconds open_wait{60'000};      // first stay in open
  std::chrono::milliseconds open_wait_max{60'000};  // cap of the back-off over repeated opens
  double open_wait_factor = 1;                      // > 1: each re-open from half-open waits longer
  double open_wait_jitter = 0;                      // 0.2: ±20 %, drawn after the cap
  // Goes to half-open by itself (on tick() or any call); else on the first call after the wait.
  bool automatic_half_open = false;
  // A half-open permit that is not settled within this time is taken back. 0 = never.
  std::chrono::milliseconds half_open_lease{10'000};
  // Half-open falls back to open after this long without a decision. 0 = for ever.
  std::chrono::milliseconds half_open_max{0};
  // Count calls in flight for longer than slow_call as slow at once (on tick()), and put it right
  // when they end. Not for half-open, where the lease takes care of calls that hang.
  bool count_inflight_slow = false;
};

// Says what is wrong and what would be right.
Result<void> validate(const CircuitBreakerConfig& config);

class CircuitBreaker;

// The right to make one call. Settle it once; destroyed unsettled, it is released (as an ignored
// call). A permit from before a state change goes to the metrics, never to a decision.
//
// Threads: move-only; may be settled on another thread than it was taken on.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept
      : breaker_(std::exchange(other.breaker_, nullptr)),
        generation_(other.generation_),
        start_(other.start_),
        ticket_(other.ticket_) {}
  Permit& operator=(Permit&& other) noexcept;
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;
  ~Permit() {
    if (breaker_ != nullptr) ignore();
  }

  explicit operator bool() const { return breaker_ != nullptr; }

  void success();  // duration = now - taken
  void failure();
  void ignore();
  // With a duration measured by the caller (asynchronous deliveries).
  void success(Nanoseconds duration);
  void failure(Nanoseconds duration);

 private:
  friend class CircuitBreaker;
  Permit(CircuitBreaker* breaker, std::uint64_t generation, MonotonicTime start)
      : breaker_(breaker), generation_(generation), start_(start) {}
  void settle(bool succeeded, std::optional<Nanoseconds> duration);
  CircuitBreaker* breaker_ = nullptr;
  std::uint64_t generation_ = 0;
  MonotonicTime start_{};
  std::uint64_t ticket_ = 0;
};

// Resilience4j's circuit breaker: closed → open → half_open → closed | open, with generations,
// leased half-open permits and injected time. See docs/resilience.md.
//
// Threads:  thread-safe; the admitted path in `closed` takes no lock, nor does a rejection.
// Blocking: never. Listeners run after the change, one at a time and in order, on the thread that
//           made it or on one that is still delivering an earlier event; they may use the breaker,
//           but must not block.
// Lifetime: outlives its permits.
// Errors:   the constructor throws std::invalid_argument for what validate() refuses.
// Source:   resilience4j 2.x CircuitBreakerStateMachine (semantics and names).
class CircuitBreaker {
 public:
  CircuitBreaker(std::string name, CircuitBreakerConfig config, const Clock& clock, Random random);
  ~CircuitBreaker();
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  const std::string& name() const;
  const CircuitBreakerConfig& config() const;

  // An empty permit when the call is not permitted (counted as such).
  Permit acquire();
  // Whether acquire() would succeed now; counts nothing.
  bool would_permit() const;

  BreakerState state() const;
  // Time until the breaker may admit a call: 0 unless open. For Retry-After.
  Nanoseconds remaining_open() const;

  // Moves what only time moves: automatic half-open, leases, in-flight slow calls.
  void tick();

  // By hand. False for a transition that is not allowed (closed → half_open); to the state that it
  // is in already, nothing happens.
  bool transition_to(BreakerState to);
  // To closed, with an empty window; calls under way count in the totals alone.
  void reset();

  struct Metrics {
    std::uint64_t successful = 0;  // totals since start, for calls_seconds
    std::uint64_t failed = 0;
    std::uint64_t ignored = 0;
    double successful_seconds = 0;
    double failed_seconds = 0;
    double ignored_seconds = 0;
    double successful_max_seconds = 0;  // since the last call of metrics()
    double failed_max_seconds = 0;
    std::uint64_t not_permitted = 0;
    std::uint32_t buffered = 0;  // in the window
    std::uint32_t buffered_failed = 0;
    std::uint32_t buffered_slow = 0;
    std::uint32_t buffered_slow_failed = 0;
    double failure_rate_percent = -1;  // -1 below minimum_calls
    double slow_rate_percent = -1;
    BreakerState state = BreakerState::closed;
    std::uint64_t transitions = 0;
    std::uint64_t listener_errors = 0;  // times a listener threw; the exceptions are dropped
  };
  Metrics metrics() const;

  using Listener = std::function<void(const BreakerEvent&)>;
  // Registers for state transitions and the other rare events (all but success, error,
  // ignored_error and not_permitted). Before the first call only.
  void on_event(Listener listener);

 private:
  friend class Permit;
  struct Impl;
  Permit acquire_slowly();

  std::unique_ptr<Impl> impl_;
  detail::BreakerHot* const hot_;  // a part of it
};

inline Permit CircuitBreaker::acquire() {
  const StateWord seen = hot_->word();
  if (seen.state() == BreakerState::closed && !hot_->watched_) {
    return {this, seen.generation(), hot_->clock_.now()};
  }
  if (seen.state() == BreakerState::open &&
      hot_->clock_.now() < hot_->open_until_.load(std::memory_order_relaxed)) {
    hot_->stripes_.count_rejection();
    return {};
  }
  return acquire_slowly();
}

inline void Permit::success() {
  if (breaker_ == nullptr) return;
  if (ticket_ != 0) return settle(true, std::nullopt);  // it must be given back
  detail::BreakerHot& hot = *breaker_->hot_;
  const MonotonicTime now = hot.clock_.now();
  if (hot.settle_quickly(generation_, now - start_, now)) {
    breaker_ = nullptr;
  } else {
    settle(true, now - start_);
  }
}

}  // namespace stormlog::resilience
