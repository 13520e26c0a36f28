#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"
#include "common/base/result.hpp"
#include "resilience/deadline.hpp"
#include "resilience/retry_budget.hpp"
#include "resilience/striped_counter.hpp"

namespace stormlog::resilience {

struct RetryConfig {
  int max_attempts = 3;  // with the first; 0 = without limit
  std::chrono::milliseconds initial{500};
  std::chrono::milliseconds max{30'000};
  double factor = 1.5;
  double jitter = 0.5;  // ±50 %, drawn after the cap
  // No attempt begins later than this after the first. 0 = whenever.
  std::chrono::milliseconds total{0};
};

Result<void> validate(const RetryConfig& config);

// The waits of a retried operation: exponential, capped, then jittered, so that deep retries do not
// fall into step. Decides nothing about what is retriable.
//
// Threads: caller synchronises.
class Backoff {
 public:
  Backoff(RetryConfig config, Random random) : config_(config), random_(random) {}

  // The wait before the next attempt, or empty when the attempts are used up or the wait would end
  // at or after `deadline`. A wait is never shorter than `at_least`.
  std::optional<Nanoseconds> next(MonotonicTime now,
                                  std::optional<MonotonicTime> deadline = std::nullopt,
                                  Nanoseconds at_least = Nanoseconds{0});
  void reset() { attempts_ = 1; }
  int attempts() const { return attempts_; }

 private:
  RetryConfig config_;
  Random random_;
  int attempts_ = 1;
};

// Retries operations under one name: back-off, deadline and budget, and Resilience4j's four counts.
// It calls nothing itself: see policy.hpp for that, and docs/resilience.md for coroutines.
//
// Threads:  thread-safe; an operation that succeeds at once takes no lock.
// Blocking: never. Waits are returned, and waited for by the caller.
// Lifetime: outlives its operations; the budget, which several may share, outlives it.
// Errors:   the constructor throws std::invalid_argument for what validate() refuses.
class Retry {
 public:
  Retry(std::string name, RetryConfig config, const Clock& clock, Random random,
        RetryBudget* budget = nullptr);
  Retry(const Retry&) = delete;
  Retry& operator=(const Retry&) = delete;

  const std::string& name() const { return name_; }
  const RetryConfig& config() const { return config_; }

  // One operation, from its first attempt to its last. Destroyed unsettled, it counts nowhere.
  //
  // Threads: caller synchronises; move-only.
  class Operation {
   public:
    Operation() = default;
    Operation(Operation&& other) noexcept;
    Operation& operator=(Operation&& other) noexcept;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    // By when the last attempt must have begun.
    const Deadline& deadline() const { return deadline_; }
    // The number of the attempt that is under way: 1 is the first.
    int attempt() const { return backoff_ ? backoff_->attempts() : 1; }

    void succeeded() {
      if (retry_ == nullptr) return;
      Retry& retry = *std::exchange(retry_, nullptr);
      if (retry.budget_ != nullptr) retry.budget_->on_success();
      (attempt() == 1 ? retry.successful_at_once_ : retry.successful_later_).add();
    }
    // The attempt failed, and may be repeated: the wait before the next one, at least `at_least`.
    // Empty when there is to be none: the attempts, the time or the budget are used up.
    std::optional<Nanoseconds> failed(Nanoseconds at_least = Nanoseconds{0});
    // The attempt failed, and must not be repeated.
    void failed_for_good();

   private:
    friend class Retry;
    void count_failure();
    Retry* retry_ = nullptr;
    Deadline deadline_;
    std::optional<Backoff> backoff_;  // from the first failure on
  };
  Operation begin(const Deadline& outer = {}) {
    Operation operation;
    operation.retry_ = this;
    operation.deadline_ =
        config_.total.count() > 0 ? earlier(Deadline::in(clock_, config_.total), outer) : outer;
    return operation;
  }

  struct Metrics {
    std::uint64_t successful_without_retry = 0;
    std::uint64_t successful_with_retry = 0;
    std::uint64_t failed_without_retry = 0;
    std::uint64_t failed_with_retry = 0;
  };
  Metrics metrics() const;

 private:
  Random draw_random();

  const std::string name_;
  const RetryConfig config_;
  const Clock& clock_;
  RetryBudget* const budget_;
  std::mutex mutex_;
  Random random_;  // under the mutex; each operation that fails gets a generator of its own from it
  StripedCounter successful_at_once_;
  StripedCounter successful_later_;
  std::atomic<std::uint64_t> failed_at_once_{0};
  std::atomic<std::uint64_t> failed_later_{0};
};

}  // namespace stormlog::resilience
