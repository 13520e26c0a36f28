// What the other guards add to a call that succeeds at once: one of each, shared by all threads.

#include <limits>

#include "common/base/random.hpp"
#include "resilience/policy.hpp"
#include "resilience_bench.hpp"

namespace stormlog::resilience {
namespace {

using bench::clock_of;
using bench::report;

// So many permits that none is ever refused.
RateLimiterConfig plenty() {
  RateLimiterConfig config;
  config.permits_per_second = 100e6;
  config.burst = 1'000'000'000;
  return config;
}

template <typename AnyClock>
void RateLimiterAdmits(benchmark::State& state) {
  static RateLimiter limiter("r", plenty(), clock_of<AnyClock>());
  for (auto _ : state) {
    if (!limiter.try_acquire()) {
      state.SkipWithError("it refused a call");
      break;
    }
  }
  report(state);
}

template <typename AnyClock>
void RateLimiterRefuses(benchmark::State& state) {
  static RateLimiter limiter("r", {.permits_per_second = 1e-4, .burst = 1}, clock_of<AnyClock>());
  limiter.try_acquire();
  for (auto _ : state) {
    if (limiter.try_acquire()) {
      state.SkipWithError("it admitted a call");
      break;
    }
  }
  report(state);
}

void BulkheadAdmits(benchmark::State& state) {
  static Bulkhead bulkhead("b", {});
  for (auto _ : state) {
    const Bulkhead::Permit permit = bulkhead.try_acquire();
    if (!permit) {
      state.SkipWithError("it refused a call");
      break;
    }
  }
  report(state);
}

void RetryWithoutFailure(benchmark::State& state) {
  static Retry retry("r", {}, clock_of<SystemClock>(), Random(1));
  for (auto _ : state) {
    Retry::Operation operation = retry.begin();
    operation.succeeded();
  }
  report(state);
}

void RetryWithBudgetWithoutFailure(benchmark::State& state) {
  static RetryBudget budget;
  static Retry retry("r", {}, clock_of<SystemClock>(), Random(1), &budget);
  for (auto _ : state) {
    Retry::Operation operation = retry.begin();
    operation.succeeded();
  }
  report(state);
}

template <typename AnyClock>
void TimeLimiterInTime(benchmark::State& state) {
  static TimeLimiter limiter("t", {}, clock_of<AnyClock>());
  for (auto _ : state) limiter.start().success();
  report(state);
}

// All five around a function that does nothing.
template <typename AnyClock>
void WholePolicy(benchmark::State& state) {
  const Clock& clock = clock_of<AnyClock>();
  static CircuitBreaker breaker("b", {}, clock, Random(1));
  static Retry retry("r", {}, clock, Random(1));
  static RateLimiter limiter("l", plenty(), clock);
  static TimeLimiter time_limiter("t", {}, clock);
  static Bulkhead bulkhead("b", {});
  Policy policy;
  policy.retry = &retry;
  policy.breaker = &breaker;
  policy.rate_limiter = &limiter;
  policy.time_limiter = &time_limiter;
  policy.bulkhead = &bulkhead;
  policy.clock = &clock;
  for (auto _ : state) {
    auto outcome = call(policy, [] { return true; });
    benchmark::DoNotOptimize(outcome);
  }
  report(state);
}

STORMLOG_BENCHMARK_CLOCKS(RateLimiterAdmits);
STORMLOG_BENCHMARK_CLOCKS(RateLimiterRefuses);
STORMLOG_BENCHMARK(BulkheadAdmits);
STORMLOG_BENCHMARK(RetryWithoutFailure);
STORMLOG_BENCHMARK(RetryWithBudgetWithoutFailure);
STORMLOG_BENCHMARK_CLOCKS(TimeLimiterInTime);
STORMLOG_BENCHMARK_CLOCKS(WholePolicy);

}  // namespace
}  // namespace stormlog::resilience

BENCHMARK_MAIN();
