#include "resilience/rate_limiter.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "resilience/config_check.hpp"

namespace stormlog::resilience {
namespace {

constexpr std::chrono::milliseconds kYear = std::chrono::hours{24 * 365};

Nanoseconds rounded_up(std::int64_t ticks, std::int64_t ticks_per_nanosecond) {
  return Nanoseconds{(ticks + ticks_per_nanosecond - 1) / ticks_per_nanosecond};
}

}  // namespace

Result<void> validate(const RateLimiterConfig& config) {
  constexpr double kSlowest = 1.0 / (24 * 3600);  // one permit a day
  constexpr double kFastest = 100e6;
  for (const Result<void>& result : {
           in_range("permits_per_second", config.permits_per_second, kSlowest, kFastest),
           in_range("burst", config.burst, 1, 1e9),
           in_range("max_wait", config.max_wait, std::chrono::milliseconds{0}, kYear),
       }) {
    if (!result) return result;
  }
  const double days = config.burst / config.permits_per_second / (24 * 3600);
  if (days <= 365) return {};
  return Error::permanent("burst is " + std::to_string(config.burst) + ", which takes " +
                          number(std::floor(days)) +
                          " days to refill; it must be at most what 365 days refill");
}

RateLimiter::RateLimiter(std::string name, RateLimiterConfig config, const Clock& clock)
    : name_(std::move(name)),
      config_(checked("rate limiter", name_, config)),
      clock_(clock),
      start_(clock.now()),
      per_permit_(std::llround(1e9 * kTicksPerNanosecond / config_.permits_per_second)),
      capacity_(per_permit_ * config_.burst) {}

std::optional<RateLimiter::Taken> RateLimiter::take(int permits, Ticks longest_wait) {
  if (permits < 1 || permits > config_.burst) return std::nullopt;
  const Ticks now_ticks = now();
  const Ticks latest = now_ticks + longest_wait + capacity_;
  Ticks seen = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    const Ticks after = std::max(seen, now_ticks) + per_permit_ * permits;
    if (after > latest) return std::nullopt;
    // Orders nothing else: whoever takes a permit learns of nobody else's data by it.
    if (full_at_.compare_exchange_weak(seen, after, std::memory_order_relaxed)) {
      return Taken{.wait = after - capacity_ - now_ticks, .before = seen, .after = after};
    }
  }
}

bool RateLimiter::try_acquire(int permits) {
  const bool taken = take(permits, 0).has_value();
  (taken ? granted_ : refused_).add();
  return taken;
}

RateLimiter::Reservation RateLimiter::reserve(int permits, const Deadline& deadline) {
  const Nanoseconds longest = std::min<Nanoseconds>(config_.max_wait, deadline.remaining());
  Reservation reservation;
  const std::optional<Taken> taken = take(permits, longest.count() * kTicksPerNanosecond);
  if (!taken) {
    refused_.add();
    return reservation;
  }
  granted_.add();
  reservation.granted_ = true;
  if (taken->wait <= 0) return reservation;
  reservation.limiter_ = this;
  reservation.wait_ = rounded_up(taken->wait, kTicksPerNanosecond);
  reservation.before_ = taken->before;
  reservation.after_ = taken->after;
  waiting_.fetch_add(1, std::memory_order_relaxed);
  return reservation;
}

bool RateLimiter::acquire(const Sleeper& sleeper, int permits, const Deadline& deadline) {
  Reservation reservation = reserve(permits, deadline);
  if (!reservation) return false;
  if (reservation.wait() > Nanoseconds{0}) sleeper.sleep_for(reservation.wait());
  reservation.use();
  return true;
}

Nanoseconds RateLimiter::retry_after(int permits) const {
  if (permits > config_.burst) return Nanoseconds::max();
  const Ticks now_ticks = now();
  const Ticks full_at = std::max(full_at_.load(std::memory_order_relaxed), now_ticks);
  const Ticks wait = full_at + per_permit_ * permits - capacity_ - now_ticks;
  return rounded_up(std::max<Ticks>(0, wait), kTicksPerNanosecond);
}

Refusal RateLimiter::refusal(int permits) const {
  return {.guard = Guard::rate_limiter, .name = name_, .retry_after = retry_after(permits)};
}

int RateLimiter::available_permissions() const {
  const Ticks debt = std::max<Ticks>(0, full_at_.load(std::memory_order_relaxed) - now());
  const Ticks left = capacity_ - debt;
  // Rounded down, also below zero: a part of a permit is none.
  const Ticks permits = left >= 0 ? left / per_permit_ : -((-left + per_permit_ - 1) / per_permit_);
  return static_cast<int>(std::max<Ticks>(permits, std::numeric_limits<int>::min()));
}

RateLimiter::Metrics RateLimiter::metrics() const {
  return {.available_permissions = available_permissions(),
          .waiting = waiting(),
          .granted = granted_.value(),
          .refused = refused_.value()};
}

RateLimiter::Reservation::Reservation(Reservation&& other) noexcept
    : limiter_(std::exchange(other.limiter_, nullptr)),
      granted_(std::exchange(other.granted_, false)),
      wait_(other.wait_),
      before_(other.before_),
      after_(other.after_) {}

RateLimiter::Reservation& RateLimiter::Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    cancel();
    limiter_ = std::exchange(other.limiter_, nullptr);
    granted_ = std::exchange(other.granted_, false);
    wait_ = other.wait_;
    before_ = other.before_;
    after_ = other.after_;
  }
  return *this;
}

void RateLimiter::Reservation::use() {
  if (limiter_ == nullptr) return;
  std::exchange(limiter_, nullptr)->waiting_.fetch_sub(1, std::memory_order_relaxed);
}

bool RateLimiter::Reservation::cancel() {
  if (limiter_ == nullptr) return false;
  RateLimiter& limiter = *std::exchange(limiter_, nullptr);
  granted_ = false;
  limiter.waiting_.fetch_sub(1, std::memory_order_relaxed);
  // Once its time has come, the bucket may have been full in between: the permits cannot go back.
  if (limiter.now() >= after_ - limiter.capacity_) return false;
  Ticks expected = after_;
  return limiter.full_at_.compare_exchange_strong(expected, before_, std::memory_order_relaxed);
}

}  // namespace stormlog::resilience
