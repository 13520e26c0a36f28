#include "resilience/time_limiter.hpp"

#include "resilience/config_check.hpp"

namespace stormlog::resilience {

Result<void> validate(const TimeLimiterConfig& config) {
  return in_range("timeout", config.timeout, std::chrono::milliseconds{1});
}

TimeLimiter::TimeLimiter(std::string name, TimeLimiterConfig config, const Clock& clock)
    : name_(std::move(name)), config_(checked("time limiter", name_, config)), clock_(clock) {}

TimeLimiter::Call TimeLimiter::start(const Deadline& outer) {
  Call call;
  call.limiter_ = this;
  call.deadline_ = earlier(Deadline::in(clock_, config_.timeout), outer);
  return call;
}

void TimeLimiter::Call::end(StripedCounter TimeLimiter::*kind) {
  if (limiter_ == nullptr) return;
  if (deadline_.is_over()) return timed_out();
  (std::exchange(limiter_, nullptr)->*kind).add();
}

void TimeLimiter::Call::timed_out() {
  if (limiter_ != nullptr) std::exchange(limiter_, nullptr)->timeout_.add();
}

TimeLimiter::Metrics TimeLimiter::metrics() const {
  return {
      .successful = successful_.value(), .failed = failed_.value(), .timeout = timeout_.value()};
}

}  // namespace stormlog::resilience
