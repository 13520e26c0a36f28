#include "resilience/circuit_breaker.hpp"

#include <utility>

#include "resilience/breaker_core.hpp"

namespace stormlog::resilience {

CircuitBreaker::CircuitBreaker(std::string name, CircuitBreakerConfig config, const Clock& clock,
                               Random random)
    : impl_(std::make_unique<Impl>(std::move(name), config, clock, random)), hot_(impl_.get()) {}

CircuitBreaker::~CircuitBreaker() = default;

const std::string& CircuitBreaker::name() const {
  return impl_->name;
}

const CircuitBreakerConfig& CircuitBreaker::config() const {
  return impl_->config;
}

Permit CircuitBreaker::acquire_slowly() {
  Permit permit;
  if (const std::optional<Impl::Admission> admission = impl_->acquire()) {
    permit.breaker_ = this;
    permit.generation_ = admission->generation;
    permit.start_ = admission->start;
    permit.ticket_ = admission->ticket;
  }
  return permit;
}

bool CircuitBreaker::would_permit() const {
  return impl_->would_permit();
}

BreakerState CircuitBreaker::state() const {
  return impl_->word().state();
}

Nanoseconds CircuitBreaker::remaining_open() const {
  return impl_->remaining_open();
}

void CircuitBreaker::tick() {
  impl_->tick();
}

bool CircuitBreaker::transition_to(BreakerState to) {
  return impl_->transition_to(to);
}

void CircuitBreaker::reset() {
  impl_->reset();
}

CircuitBreaker::Metrics CircuitBreaker::metrics() const {
  return impl_->read_metrics();
}

void CircuitBreaker::on_event(Listener listener) {
  const std::lock_guard lock(impl_->mutex);
  impl_->events.listen(std::move(listener));
}

}  // namespace stormlog::resilience
