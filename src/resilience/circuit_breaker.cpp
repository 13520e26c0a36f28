#include "resilience/circuit_breaker.hpp"

#include <algorithm>
#include <utility>

#include "resilience/breaker_core.hpp"

namespace stormlog::resilience {

CircuitBreaker::CircuitBreaker(std::string name, CircuitBreakerConfig config, const Clock& clock,
                               Random random)
    : impl_(std::make_unique<Impl>(std::move(name), config, clock, random)) {}

CircuitBreaker::~CircuitBreaker() = default;

const std::string& CircuitBreaker::name() const {
  return impl_->name;
}
const CircuitBreakerConfig& CircuitBreaker::config() const {
  return impl_->config;
}
BreakerState CircuitBreaker::state() const {
  return impl_->state();
}

Permit CircuitBreaker::acquire() {
  Permit permit;
  permit.start_ = impl_->clock.now();
  const std::uint64_t word = impl_->word.load(std::memory_order_acquire);
  if (Impl::state_of(word) == BreakerState::closed && !impl_->config.count_inflight_slow) {
    permit.breaker_ = this;
    permit.generation_ = Impl::generation_of(word);
    permit.slot_ = Impl::kNoSlot;
    return permit;
  }
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->admit(permit.start_, permit.slot_, permit.generation_)) permit.breaker_ = this;
  }
  if (!permit) impl_->not_permitted.fetch_add(1, std::memory_order_relaxed);
  impl_->dispatch();
  return permit;
}

bool CircuitBreaker::would_permit() const {
  const std::lock_guard lock(impl_->mutex);
  switch (impl_->state()) {
    case BreakerState::closed:
    case BreakerState::disabled:
    case BreakerState::metrics_only:
      return true;
    case BreakerState::forced_open:
      return false;
    case BreakerState::open:
      return impl_->clock.now() >= impl_->open_until;
    case BreakerState::half_open:
      return impl_->half_open_used < std::max(1, impl_->config.half_open_permits);
  }
  return false;
}

Nanoseconds CircuitBreaker::remaining_open() const {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->state() != BreakerState::open) return Nanoseconds{0};
  return std::max(Nanoseconds{0}, impl_->open_until - impl_->clock.now());
}

void CircuitBreaker::tick() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->advance(impl_->clock.now());
  }
  impl_->dispatch();
}

bool CircuitBreaker::transition_to(BreakerState to) {
  {
    const std::lock_guard lock(impl_->mutex);
    const BreakerState from = impl_->state();
    if (from == BreakerState::closed && to == BreakerState::half_open) return false;
    if (from != to) impl_->enter(to, impl_->clock.now());
  }
  impl_->dispatch();
  return true;
}

void CircuitBreaker::reset() {
  {
    const std::lock_guard lock(impl_->mutex);
    const MonotonicTime now = impl_->clock.now();
    if (impl_->state() != BreakerState::closed) {
      impl_->enter(BreakerState::closed, now);
    } else {
      impl_->window->clear();
      impl_->consecutive = 0;
    }
    BreakerEvent event{};
    event.type = BreakerEvent::Type::reset;
    impl_->emit(std::move(event));
  }
  impl_->dispatch();
}

CircuitBreaker::Metrics CircuitBreaker::metrics() const {
  const std::lock_guard lock(impl_->mutex);
  Metrics result = impl_->totals;
  impl_->totals.successful_max_seconds = 0;
  impl_->totals.failed_max_seconds = 0;
  result.not_permitted = impl_->not_permitted.load(std::memory_order_relaxed);
  result.state = impl_->state();
  const bool half_open = result.state == BreakerState::half_open;
  const WindowTotals seen =
      (half_open ? impl_->half_open_window : impl_->window)->totals(impl_->clock.now());
  result.buffered = seen.calls;
  result.buffered_failed = seen.failed;
  result.buffered_slow = seen.slow;
  result.buffered_slow_failed = seen.slow_failed;
  const int least = half_open ? impl_->config.half_open_permits : impl_->config.minimum_calls;
  if (seen.calls > 0 && seen.calls >= static_cast<std::uint32_t>(std::max(1, least))) {
    result.failure_rate_percent = 100.0 * seen.failed / seen.calls;
    result.slow_rate_percent = 100.0 * seen.slow / seen.calls;
  }
  return result;
}

void CircuitBreaker::on_event(Listener listener) {
  const std::lock_guard lock(impl_->mutex);
  impl_->listeners.push_back(std::move(listener));
}

// --- Permit ---------------------------------------------------------------------------------

Permit::Permit(Permit&& other) noexcept
    : breaker_(std::exchange(other.breaker_, nullptr)),
      generation_(other.generation_),
      start_(other.start_),
      slot_(other.slot_) {}

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this != &other) {
    ignore();
    breaker_ = std::exchange(other.breaker_, nullptr);
    generation_ = other.generation_;
    start_ = other.start_;
    slot_ = other.slot_;
  }
  return *this;
}

Permit::~Permit() {
  ignore();
}

void Permit::success() {
  settle(true, std::nullopt);
}
void Permit::failure() {
  settle(false, std::nullopt);
}
void Permit::success(Nanoseconds duration) {
  settle(true, duration);
}
void Permit::failure(Nanoseconds duration) {
  settle(false, duration);
}

void Permit::settle(bool succeeded, std::optional<Nanoseconds> duration) {
  if (breaker_ == nullptr) return;
  auto& core = *std::exchange(breaker_, nullptr)->impl_;
  const MonotonicTime now = core.clock.now();
  {
    const std::lock_guard lock(core.mutex);
    core.settle(succeeded ? CircuitBreaker::Impl::Settlement::success
                          : CircuitBreaker::Impl::Settlement::failure,
                duration.value_or(now - start_), generation_, slot_, now);
  }
  core.dispatch();
}

void Permit::ignore() {
  if (breaker_ == nullptr) return;
  auto& core = *std::exchange(breaker_, nullptr)->impl_;
  const MonotonicTime now = core.clock.now();
  {
    const std::lock_guard lock(core.mutex);
    core.settle(CircuitBreaker::Impl::Settlement::ignored, now - start_, generation_, slot_, now);
  }
  core.dispatch();
}

}  // namespace stormlog::resilience
