#include <utility>

#include "resilience/breaker_core.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::resilience {

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this != &other) {
    ignore();
    breaker_ = std::exchange(other.breaker_, nullptr);
    generation_ = other.generation_;
    start_ = other.start_;
    ticket_ = other.ticket_;
  }
  return *this;
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
  using Settlement = CircuitBreaker::Impl::Settlement;
  if (breaker_ == nullptr) return;
  std::exchange(breaker_, nullptr)
      ->impl_->settle({.generation = generation_, .start = start_, .ticket = ticket_},
                      succeeded ? Settlement::success : Settlement::failure, duration);
}

void Permit::ignore() {
  if (breaker_ == nullptr) return;
  std::exchange(breaker_, nullptr)
      ->impl_->settle({.generation = generation_, .start = start_, .ticket = ticket_},
                      CircuitBreaker::Impl::Settlement::ignored, std::nullopt);
}

}  // namespace stormlog::resilience
