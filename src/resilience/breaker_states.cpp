// What moves a circuit breaker from state to state: results, time, and people.

#include <algorithm>
#include <utility>

#include "resilience/breaker_core.hpp"
#include "resilience/exponential_wait.hpp"
#include "resilience/time_window.hpp"

namespace stormlog::resilience {

void CircuitBreaker::Impl::tick() {
  std::unique_lock lock(mutex);
  const MonotonicTime now = clock_.now();
  expire(now);
  mark_hanging(now);
  events.deliver(std::move(lock));
}

bool CircuitBreaker::Impl::transition_to(BreakerState to) {
  std::unique_lock lock(mutex);
  const BreakerState from = word().state();
  if (from == BreakerState::closed && to == BreakerState::half_open) return false;
  if (from != to) enter(to, clock_.now(), Reason::manual);
  events.deliver(std::move(lock));
  return true;
}

void CircuitBreaker::Impl::reset() {
  std::unique_lock lock(mutex);
  enter(BreakerState::closed, clock_.now(), Reason::manual);
  BreakerEvent event{};
  event.type = BreakerEvent::Type::reset;
  announce(std::move(event));
  events.deliver(std::move(lock));
}

bool CircuitBreaker::Impl::half_open_over(MonotonicTime now) const {
  return config.half_open_max.count() > 0 && now - half_open_since_ >= config.half_open_max;
}

// What time alone moves.
void CircuitBreaker::Impl::expire(MonotonicTime now) {
  const BreakerState state = word().state();
  if (state == BreakerState::open) {
    if (config.automatic_half_open && now >= open_until_.load(std::memory_order_relaxed)) {
      enter(BreakerState::half_open, now, Reason::wait_over);
    }
    return;
  }
  if (state != BreakerState::half_open) return;
  if (half_open_over(now)) {
    enter(BreakerState::open, now, Reason::half_open_over);
    return;
  }
  if (config.half_open_lease.count() == 0) return;
  leases_.reclaim(now - config.half_open_lease);
  republish(false);
}

// Counts calls that hang as slow before they end.
void CircuitBreaker::Impl::mark_hanging(MonotonicTime now) {
  const StateWord current = word();
  if (!watched_ || !current.counts_calls()) return;
  fold(current.generation());
  window_->advance(now);
  const bool any = inflight_->mark_older(current.generation(), now - slow_after_, [this] {
    return window_->add({.failed = false, .slow = true});
  });
  if (any) decide(now);
}

int CircuitBreaker::Impl::calls_needed() const {
  if (shown_ == &half_open_window_) {
    return std::min(config.minimum_calls, config.half_open_permits);
  }
  return timed_window_ ? config.minimum_calls : std::min(config.minimum_calls, config.window_size);
}

// After each result in closed and metrics_only; the window is up to date.
void CircuitBreaker::Impl::decide(MonotonicTime now) {
  const WindowTotals seen = window_->totals();
  const bool enough = seen.calls >= static_cast<std::uint32_t>(calls_needed());
  const double failed = percent(seen.failed, seen.calls);
  const double slow = percent(seen.slow, seen.calls);
  const bool too_many_failed = enough && failed >= config.failure_rate_percent;
  const bool too_many_slow = enough && slow >= config.slow_rate_percent;

  const bool trips = word().state() == BreakerState::closed;
  if (too_many_failed && !std::exchange(told_failure_rate_, true)) {
    announce_rate(BreakerEvent::Type::failure_rate_exceeded, failed);
  }
  if (too_many_slow && !std::exchange(told_slow_rate_, true)) {
    announce_rate(BreakerEvent::Type::slow_call_rate_exceeded, slow);
  }
  if (trips && too_many_failed) return enter(BreakerState::open, now, Reason::failure_rate);
  if (trips && too_many_slow) return enter(BreakerState::open, now, Reason::slow_call_rate);
  if (trips && config.consecutive_failures > 0 && consecutive_ >= config.consecutive_failures) {
    return enter(BreakerState::open, now, Reason::consecutive_failures);
  }

  // One more success only lowers rates that were looked at just now. Where they were not yet looked
  // at, it may complete the minimum and thereby trip, unless there is nothing to trip on.
  window_until_.store(TimeWindow::end_of_second(now), std::memory_order_relaxed);
  republish(enough || (seen.failed == 0 && seen.slow == 0));
}

void CircuitBreaker::Impl::decide_half_open(MonotonicTime now) {
  const WindowTotals seen = half_open_window_.totals();
  const auto needed = static_cast<std::uint32_t>(calls_needed());
  // Until enough results are in, those that are still to come count as good: who is lost even then
  // need not be waited for.
  const std::uint32_t of = std::max(seen.calls, needed);
  const double failed = percent(seen.failed, of);
  const double slow = percent(seen.slow, of);
  const bool too_many_failed = failed >= config.failure_rate_percent;
  const bool too_many_slow = slow >= config.slow_rate_percent;
  if (too_many_failed) announce_rate(BreakerEvent::Type::failure_rate_exceeded, failed);
  if (too_many_slow) announce_rate(BreakerEvent::Type::slow_call_rate_exceeded, slow);
  if (too_many_failed) return enter(BreakerState::open, now, Reason::failure_rate);
  if (too_many_slow) return enter(BreakerState::open, now, Reason::slow_call_rate);
  if (seen.calls >= needed) return enter(BreakerState::closed, now, Reason::recovered);
  republish(false);
}

void CircuitBreaker::Impl::enter(BreakerState to, MonotonicTime now, Reason reason) {
  const StateWord old = word();
  const std::uint64_t generation = StateWord::next_generation(old.generation());
  fold(generation);
  leases_.clear();
  consecutive_ = 0;
  told_failure_rate_ = false;
  told_slow_rate_ = false;
  switch (to) {
    case BreakerState::open: {
      const Nanoseconds first = config.open_wait;
      const ExponentialWait waits{.first = first,
                                  .cap = std::max<Nanoseconds>(first, config.open_wait_max),
                                  .factor = config.open_wait_factor,
                                  .jitter = config.open_wait_jitter};
      open_until_.store(now + waits.after(opens_, random_), std::memory_order_relaxed);
      ++opens_;
      break;  // the window that decided stays to be seen
    }
    case BreakerState::half_open:
      half_open_window_.clear();
      half_open_since_ = now;
      shown_ = &half_open_window_;
      break;
    case BreakerState::closed:
    case BreakerState::disabled:
    case BreakerState::forced_open:
    case BreakerState::metrics_only:
      opens_ = 0;
      window_->clear();
      window_->advance(now);
      window_until_.store(TimeWindow::end_of_second(now), std::memory_order_relaxed);
      shown_ = window_.get();
      break;
  }
  publish(to, generation, to == BreakerState::disabled || counts_calls(to));
  if (old.state() == to) return;
  ++transitions_;
  BreakerEvent event{};
  event.type = BreakerEvent::Type::state_transition;
  event.from = old.state();
  event.to = to;
  event.reason = reason;
  announce(std::move(event));
}

void CircuitBreaker::Impl::fold(std::uint64_t generation) {
  const SuccessStripes::Taken taken = stripes_.take(generation);
  if (taken.calls == 0) return;
  successful_.calls += taken.calls;
  successful_.nanoseconds += taken.nanoseconds;
  if (!word().counts_calls()) return;
  window_->add_successes(taken.calls);
  consecutive_ = 0;
}

int CircuitBreaker::Impl::half_open_left() const {
  return config.half_open_permits - leases_.out() -
         static_cast<int>(half_open_window_.totals().calls);
}

void CircuitBreaker::Impl::publish(BreakerState state, std::uint64_t generation, bool quick) {
  int permits_left = 0;
  if (state == BreakerState::half_open) {
    permits_left = half_open_left();
    MonotonicTime until = MonotonicTime::max();
    if (config.half_open_max.count() > 0) until = half_open_since_ + config.half_open_max;
    if (config.half_open_lease.count() > 0 && leases_.out() > 0) {
      until = std::min<MonotonicTime>(until, leases_.oldest() + config.half_open_lease);
    }
    no_permit_until_.store(until, std::memory_order_relaxed);
  }
  word_.store(StateWord(state, generation, permits_left, quick).bits(), std::memory_order_release);
}

void CircuitBreaker::Impl::republish(bool quick) {
  const StateWord current = word();
  publish(current.state(), current.generation(), quick);
}

void CircuitBreaker::Impl::announce_rate(BreakerEvent::Type type, double rate) {
  BreakerEvent event{};
  event.type = type;
  event.rate_percent = rate;
  announce(std::move(event));
}

void CircuitBreaker::Impl::announce(BreakerEvent event) {
  event.breaker = name;
  event.at = clock_.wall_now();
  event.sequence = ++sequence_;
  events.push(std::move(event));
}

}  // namespace stormlog::resilience
