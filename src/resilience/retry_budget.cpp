#include "resilience/retry_budget.hpp"

#include <algorithm>

namespace stormlog::resilience {
namespace {

constexpr double kMilli = 1000;

}  // namespace

RetryBudget::RetryBudget(double max_tokens, double tokens_per_success)
    : max_milli_(static_cast<std::int64_t>(max_tokens * kMilli)),
      per_success_milli_(static_cast<std::int64_t>(tokens_per_success * kMilli)),
      milli_(max_milli_) {}

void RetryBudget::on_success() {
  std::int64_t now = milli_.load(std::memory_order_relaxed);
  while (now < max_milli_ &&
         !milli_.compare_exchange_weak(now, std::min(max_milli_, now + per_success_milli_),
                                       std::memory_order_relaxed)) {
  }
}

void RetryBudget::on_failure() {
  std::int64_t now = milli_.load(std::memory_order_relaxed);
  while (now > 0 && !milli_.compare_exchange_weak(
                        now, std::max<std::int64_t>(0, now - static_cast<std::int64_t>(kMilli)),
                        std::memory_order_relaxed)) {
  }
}

bool RetryBudget::allows_retry() const {
  return milli_.load(std::memory_order_relaxed) * 2 > max_milli_;
}

double RetryBudget::tokens() const {
  return static_cast<double>(milli_.load(std::memory_order_relaxed)) / kMilli;
}

}  // namespace stormlog::resilience
