#pragma once

#include <atomic>
#include <cstdint>

namespace stormlog::resilience {

// Keeps retries from multiplying an overload: each success adds a little, each failure takes one,
// and retries are allowed only above half.
//
// Threads: thread-safe.
// Source:  gRPC retry throttling (gRFC A6).
class RetryBudget {
 public:
  explicit RetryBudget(double max_tokens = 100, double tokens_per_success = 0.1);

  void on_success();
  void on_failure();
  bool allows_retry() const;
  double tokens() const;

 private:
  std::int64_t max_milli_;
  std::int64_t per_success_milli_;
  std::atomic<std::int64_t> milli_;
};

}  // namespace stormlog::resilience
