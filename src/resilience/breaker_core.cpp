#include "resilience/breaker_core.hpp"

#include <algorithm>
#include <utility>

#include "resilience/config_check.hpp"
#include "resilience/time_window.hpp"

namespace stormlog::resilience {
namespace {

std::unique_ptr<CallWindow> make_window(const CircuitBreakerConfig& config) {
  if (config.window == CircuitBreakerConfig::Window::time) {
    return std::make_unique<TimeWindow>(config.window_size);
  }
  return std::make_unique<CountWindow>(config.window_size);
}

double seconds(std::uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e9;
}

double seconds(Nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

}  // namespace

CircuitBreaker::Impl::Impl(std::string breaker_name, const CircuitBreakerConfig& breaker_config,
                           const Clock& breaker_clock, Random breaker_random)
    : BreakerHot(breaker_clock, breaker_config.slow_call,
                 breaker_config.window == CircuitBreakerConfig::Window::time,
                 breaker_config.count_inflight_slow),
      name(std::move(breaker_name)),
      config(checked("circuit breaker", name, breaker_config)),
      inflight_(watched_ ? std::make_unique<InflightTable>() : nullptr),
      random_(breaker_random),
      window_(make_window(config)),
      half_open_window_(config.half_open_permits),
      shown_(window_.get()) {}

CircuitBreaker::Impl::Admission CircuitBreaker::Impl::admit(BreakerState state,
                                                            std::uint64_t generation,
                                                            MonotonicTime now) {
  const bool watched = watched_ && counts_calls(state);
  return {.generation = generation,
          .start = now,
          .ticket = watched ? inflight_->enter(generation, now) : 0};
}

std::optional<CircuitBreaker::Impl::Admission> CircuitBreaker::Impl::acquire() {
  const StateWord seen = word();
  const BreakerState state = seen.state();
  if (state == BreakerState::forced_open) {
    stripes_.count_rejection();
    return std::nullopt;
  }
  const MonotonicTime now = clock_.now();
  if (state != BreakerState::open && state != BreakerState::half_open) {
    return admit(state, seen.generation(), now);
  }
  if (state == BreakerState::open
          ? now < open_until_.load(std::memory_order_relaxed)
          : seen.permits_left() == 0 && now < no_permit_until_.load(std::memory_order_relaxed)) {
    stripes_.count_rejection();
    return std::nullopt;
  }

  std::unique_lock lock(mutex);
  std::optional<Admission> admission = acquire_locked(now);
  if (!admission) stripes_.count_rejection();
  events.deliver(std::move(lock));
  return admission;
}

std::optional<CircuitBreaker::Impl::Admission> CircuitBreaker::Impl::acquire_locked(
    MonotonicTime now) {
  expire(now);
  if (word().state() == BreakerState::open && now >= open_until_.load(std::memory_order_relaxed)) {
    enter(BreakerState::half_open, now, Reason::wait_over);
  }
  const StateWord current = word();
  switch (current.state()) {
    case BreakerState::open:
    case BreakerState::forced_open:
      return std::nullopt;
    case BreakerState::half_open:
      break;
    case BreakerState::closed:
    case BreakerState::disabled:
    case BreakerState::metrics_only:
      return admit(current.state(), current.generation(), now);
  }
  if (current.permits_left() == 0) return std::nullopt;
  const Admission admission{
      .generation = current.generation(), .start = now, .ticket = leases_.grant(now)};
  republish(false);
  return admission;
}

void CircuitBreaker::Impl::settle(const Admission& admission, Settlement how,
                                  std::optional<Nanoseconds> given) {
  // With a duration given, the time matters to a timed window alone, or under the mutex.
  const bool needs_time = !given || timed_window_;
  MonotonicTime now = needs_time ? clock_.now() : MonotonicTime{};
  const Nanoseconds duration = std::max(Nanoseconds{0}, given ? *given : now - admission.start);

  const bool marked =
      InflightTable::is_ticket(admission.ticket) && !inflight_->leave(admission.ticket);
  if (!marked && how == Settlement::success &&
      settle_quickly(admission.generation, duration, now)) {
    return;
  }
  if (!needs_time) now = clock_.now();
  std::unique_lock lock(mutex);
  std::optional<CallWindow::Record> record;
  if (marked) record = inflight_->leave_marked(admission.ticket);
  settle_locked(admission, how, duration, record, now);
  events.deliver(std::move(lock));
}

void CircuitBreaker::Impl::settle_locked(const Admission& admission, Settlement how,
                                         Nanoseconds duration,
                                         std::optional<CallWindow::Record> marked,
                                         MonotonicTime now) {
  count_total(how, duration);  // every call, also of an earlier generation
  if (admission.generation != word().generation()) return;
  switch (word().state()) {
    case BreakerState::closed:
    case BreakerState::metrics_only:
      record(how, duration, marked, now);
      return;
    case BreakerState::half_open:
      expire(now);
      record_half_open(admission.ticket, how, duration, now);
      return;
    case BreakerState::open:
    case BreakerState::forced_open:
    case BreakerState::disabled:
      return;
  }
}

void CircuitBreaker::Impl::record(Settlement how, Nanoseconds duration,
                                  std::optional<CallWindow::Record> marked, MonotonicTime now) {
  constexpr CallOutcome kHanging{.failed = false, .slow = true};
  if (how == Settlement::ignored) {
    if (!marked) return;
    window_->remove(*marked, kHanging);
    republish(false);  // with a call less the rates are others: the next result must look at them
    return;
  }
  fold(word().generation());
  window_->advance(now);
  const CallOutcome outcome{.failed = how == Settlement::failure, .slow = duration > slow_after_};
  if (marked) {
    window_->replace(*marked, kHanging, outcome);
  } else {
    window_->add(outcome);
  }
  consecutive_ = outcome.failed ? consecutive_ + 1 : 0;
  decide(now);
}

void CircuitBreaker::Impl::record_half_open(std::uint64_t ticket, Settlement how,
                                            Nanoseconds duration, MonotonicTime now) {
  // Where the lease was over, somebody else may have the permit; where half-open itself was over,
  // there are no leases.
  if (!leases_.release(ticket)) return;
  if (how == Settlement::ignored) {
    republish(false);
    return;
  }
  half_open_window_.add({.failed = how == Settlement::failure, .slow = duration > slow_after_});
  decide_half_open(now);
}

void CircuitBreaker::Impl::Totals::add(Nanoseconds duration) {
  ++calls;
  nanoseconds += static_cast<std::uint64_t>(duration.count());
  max = std::max(max, duration);
}

void CircuitBreaker::Impl::count_total(Settlement how, Nanoseconds duration) {
  switch (how) {
    case Settlement::success:
      successful_.add(duration);
      return;
    case Settlement::failure:
      failed_.add(duration);
      return;
    case Settlement::ignored:
      ignored_.add(duration);
      return;
  }
}

bool CircuitBreaker::Impl::would_permit() const {
  const StateWord seen = word();
  switch (seen.state()) {
    case BreakerState::closed:
    case BreakerState::disabled:
    case BreakerState::metrics_only:
      return true;
    case BreakerState::forced_open:
      return false;
    case BreakerState::open:
      return clock_.now() >= open_until_.load(std::memory_order_relaxed);
    case BreakerState::half_open:
      break;
  }
  const std::lock_guard lock(mutex);
  const StateWord current = word();
  if (current.state() != BreakerState::half_open) {
    return current.state() != BreakerState::open && current.state() != BreakerState::forced_open;
  }
  const MonotonicTime now = clock_.now();
  if (half_open_over(now)) return config.open_wait.count() == 0;
  // Without a permit left, that time is when the first lease is over.
  return current.permits_left() > 0 || now >= no_permit_until_.load(std::memory_order_relaxed);
}

Nanoseconds CircuitBreaker::Impl::remaining_open() const {
  if (word().state() != BreakerState::open) return Nanoseconds{0};
  const MonotonicTime until = open_until_.load(std::memory_order_relaxed);
  return std::max(Nanoseconds{0}, until - clock_.now());
}

CircuitBreaker::Metrics CircuitBreaker::Impl::read_metrics() {
  const std::lock_guard lock(mutex);
  const StateWord current = word();
  fold(current.generation());
  shown_->advance(clock_.now());

  Metrics result;
  result.successful = successful_.calls;
  result.failed = failed_.calls;
  result.ignored = ignored_.calls;
  result.successful_seconds = seconds(successful_.nanoseconds);
  result.failed_seconds = seconds(failed_.nanoseconds);
  result.ignored_seconds = seconds(ignored_.nanoseconds);
  result.successful_max_seconds =
      seconds(std::max(std::exchange(successful_.max, Nanoseconds{0}), stripes_.take_max()));
  result.failed_max_seconds = seconds(std::exchange(failed_.max, Nanoseconds{0}));
  result.not_permitted = stripes_.rejections();
  result.state = current.state();
  result.transitions = transitions_;
  result.listener_errors = events.failures();

  const WindowTotals seen = shown_->totals();
  result.buffered = seen.calls;
  result.buffered_failed = seen.failed;
  result.buffered_slow = seen.slow;
  result.buffered_slow_failed = seen.slow_failed;
  if (seen.calls >= static_cast<std::uint32_t>(calls_needed())) {
    result.failure_rate_percent = percent(seen.failed, seen.calls);
    result.slow_rate_percent = percent(seen.slow, seen.calls);
  }
  return result;
}

}  // namespace stormlog::resilience
