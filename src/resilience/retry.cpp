#include "resilience/retry.hpp"

#include <algorithm>

#include "resilience/config_check.hpp"
#include "resilience/exponential_wait.hpp"

namespace stormlog::resilience {

Result<void> validate(const RetryConfig& config) {
  for (const Result<void>& result : {
           in_range("max_attempts", config.max_attempts, 0, 1e9),
           in_range("factor", config.factor, 1, 1e9),
           in_range("jitter", config.jitter, 0, 1),
           in_range("initial", config.initial),
           in_range("max", config.max),
           in_range("total", config.total),
       }) {
    if (!result) return result;
  }
  return {};
}

std::optional<Nanoseconds> Backoff::next(MonotonicTime now, std::optional<MonotonicTime> deadline,
                                         Nanoseconds at_least) {
  if (config_.max_attempts > 0 && attempts_ >= config_.max_attempts) return std::nullopt;
  const ExponentialWait waits{.first = config_.initial,
                              .cap = config_.max,
                              .factor = config_.factor,
                              .jitter = config_.jitter};
  const Nanoseconds wait = std::max(at_least, waits.after(attempts_ - 1, random_));
  // As a difference: a wait may be as long as there is time.
  if (deadline && wait >= *deadline - now) return std::nullopt;
  ++attempts_;
  return wait;
}

Retry::Retry(std::string name, RetryConfig config, const Clock& clock, Random random,
             RetryBudget* budget)
    : name_(std::move(name)),
      config_(checked("retry", name_, config)),
      clock_(clock),
      budget_(budget),
      random_(random) {}

Random Retry::draw_random() {
  const std::lock_guard lock(mutex_);
  return Random(random_.next());
}

Retry::Metrics Retry::metrics() const {
  return {.successful_without_retry = successful_at_once_.value(),
          .successful_with_retry = successful_later_.value(),
          .failed_without_retry = failed_at_once_.load(std::memory_order_relaxed),
          .failed_with_retry = failed_later_.load(std::memory_order_relaxed)};
}

Retry::Operation::Operation(Operation&& other) noexcept
    : retry_(std::exchange(other.retry_, nullptr)),
      deadline_(other.deadline_),
      backoff_(other.backoff_) {}

Retry::Operation& Retry::Operation::operator=(Operation&& other) noexcept {
  retry_ = std::exchange(other.retry_, nullptr);
  deadline_ = other.deadline_;
  backoff_ = other.backoff_;
  return *this;
}

std::optional<Nanoseconds> Retry::Operation::failed(Nanoseconds at_least) {
  if (retry_ == nullptr) return std::nullopt;
  if (!backoff_) backoff_.emplace(retry_->config_, retry_->draw_random());
  if (retry_->budget_ != nullptr) retry_->budget_->on_failure();
  std::optional<Nanoseconds> wait;
  if (retry_->budget_ == nullptr || retry_->budget_->allows_retry()) {
    // Without a deadline there is no need for the time.
    wait = deadline_.is_set() ? backoff_->next(retry_->clock_.now(), deadline_.at(), at_least)
                              : backoff_->next(MonotonicTime{}, std::nullopt, at_least);
  }
  if (!wait) count_failure();
  return wait;
}

void Retry::Operation::failed_for_good() {
  if (retry_ != nullptr) count_failure();
}

void Retry::Operation::count_failure() {
  Retry& retry = *std::exchange(retry_, nullptr);
  (attempt() == 1 ? retry.failed_at_once_ : retry.failed_later_)
      .fetch_add(1, std::memory_order_relaxed);
}

}  // namespace stormlog::resilience
