#include "resilience/prometheus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::resilience::prometheus {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

// The whole page of one guard of each kind: names, labels and types are a contract with dashboards.
TEST(TextExporter, WritesAllKindsUnderTheNamesOfResilience4j) {
  ManualClock clock;
  CircuitBreaker breaker("orders", {.window_size = 10, .minimum_calls = 2}, clock, Random(1));
  breaker.acquire().success(milliseconds(500));
  breaker.acquire().failure(milliseconds(250));  // one of two: it opens
  EXPECT_FALSE(breaker.acquire());
  Retry retry("orders", {}, clock, Random(1));
  retry.begin().succeeded();
  retry.begin().failed_for_good();
  Bulkhead bulkhead("orders", {.max_concurrent = 3});
  const Bulkhead::Permit permit = bulkhead.try_acquire();
  RateLimiter limiter("orders", {.permits_per_second = 1, .burst = 2}, clock);
  EXPECT_TRUE(limiter.try_acquire(2));
  const RateLimiter::Reservation reservation = limiter.reserve();
  TimeLimiter time_limiter("orders", {}, clock);
  time_limiter.start().success();
  time_limiter.start().timed_out();

  TextExporter exporter;
  exporter.add(breaker);
  exporter.add(retry);
  exporter.add(bulkhead);
  exporter.add(limiter);
  exporter.add(time_limiter);
  EXPECT_EQ(
      exporter.text(),
      R"(# HELP resilience4j_circuitbreaker_state The states of the circuit breaker: 1 for the one it is in.
# TYPE resilience4j_circuitbreaker_state gauge
resilience4j_circuitbreaker_state{name="orders",state="closed"} 0
resilience4j_circuitbreaker_state{name="orders",state="open"} 1
resilience4j_circuitbreaker_state{name="orders",state="half_open"} 0
resilience4j_circuitbreaker_state{name="orders",state="forced_open"} 0
resilience4j_circuitbreaker_state{name="orders",state="disabled"} 0
resilience4j_circuitbreaker_state{name="orders",state="metrics_only"} 0
# HELP resilience4j_circuitbreaker_calls_seconds Calls by how they ended, and the time they took.
# TYPE resilience4j_circuitbreaker_calls_seconds summary
resilience4j_circuitbreaker_calls_seconds_count{name="orders",kind="successful"} 1
resilience4j_circuitbreaker_calls_seconds_sum{name="orders",kind="successful"} 0.5
resilience4j_circuitbreaker_calls_seconds_count{name="orders",kind="failed"} 1
resilience4j_circuitbreaker_calls_seconds_sum{name="orders",kind="failed"} 0.25
resilience4j_circuitbreaker_calls_seconds_count{name="orders",kind="ignored"} 0
resilience4j_circuitbreaker_calls_seconds_sum{name="orders",kind="ignored"} 0
# HELP resilience4j_circuitbreaker_calls_seconds_max The longest call since the last scrape.
# TYPE resilience4j_circuitbreaker_calls_seconds_max gauge
resilience4j_circuitbreaker_calls_seconds_max{name="orders",kind="successful"} 0.5
resilience4j_circuitbreaker_calls_seconds_max{name="orders",kind="failed"} 0.25
# HELP resilience4j_circuitbreaker_not_permitted_calls_total Calls that the circuit breaker refused.
# TYPE resilience4j_circuitbreaker_not_permitted_calls_total counter
resilience4j_circuitbreaker_not_permitted_calls_total{name="orders",kind="not_permitted"} 1
# HELP resilience4j_circuitbreaker_buffered_calls Calls in the window that decides.
# TYPE resilience4j_circuitbreaker_buffered_calls gauge
resilience4j_circuitbreaker_buffered_calls{name="orders",kind="successful"} 1
resilience4j_circuitbreaker_buffered_calls{name="orders",kind="failed"} 1
# HELP resilience4j_circuitbreaker_slow_calls Slow calls in the window that decides.
# TYPE resilience4j_circuitbreaker_slow_calls gauge
resilience4j_circuitbreaker_slow_calls{name="orders",kind="successful"} 0
resilience4j_circuitbreaker_slow_calls{name="orders",kind="failed"} 0
# HELP resilience4j_circuitbreaker_failure_rate Percentage of failed calls in the window; 0 while buffered_calls is below the minimum.
# TYPE resilience4j_circuitbreaker_failure_rate gauge
resilience4j_circuitbreaker_failure_rate{name="orders"} 50
# HELP resilience4j_circuitbreaker_slow_call_rate Percentage of slow calls in the window; 0 while buffered_calls is below the minimum.
# TYPE resilience4j_circuitbreaker_slow_call_rate gauge
resilience4j_circuitbreaker_slow_call_rate{name="orders"} 0
# HELP resilience4j_retry_calls_total Operations by how they ended, and whether they were retried.
# TYPE resilience4j_retry_calls_total counter
resilience4j_retry_calls_total{name="orders",kind="successful_without_retry"} 1
resilience4j_retry_calls_total{name="orders",kind="successful_with_retry"} 0
resilience4j_retry_calls_total{name="orders",kind="failed_without_retry"} 1
resilience4j_retry_calls_total{name="orders",kind="failed_with_retry"} 0
# HELP resilience4j_bulkhead_available_concurrent_calls Calls that could still be admitted.
# TYPE resilience4j_bulkhead_available_concurrent_calls gauge
resilience4j_bulkhead_available_concurrent_calls{name="orders"} 2
# HELP resilience4j_bulkhead_max_allowed_concurrent_calls Calls that are admitted at once.
# TYPE resilience4j_bulkhead_max_allowed_concurrent_calls gauge
resilience4j_bulkhead_max_allowed_concurrent_calls{name="orders"} 3
# HELP resilience4j_ratelimiter_available_permissions Permits to be had now; negative where some are reserved ahead of time.
# TYPE resilience4j_ratelimiter_available_permissions gauge
resilience4j_ratelimiter_available_permissions{name="orders"} -1
# HELP resilience4j_ratelimiter_waiting_threads Calls that wait for their permit.
# TYPE resilience4j_ratelimiter_waiting_threads gauge
resilience4j_ratelimiter_waiting_threads{name="orders"} 1
# HELP resilience4j_timelimiter_calls_total Calls by how they ended.
# TYPE resilience4j_timelimiter_calls_total counter
resilience4j_timelimiter_calls_total{name="orders",kind="successful"} 1
resilience4j_timelimiter_calls_total{name="orders",kind="failed"} 0
resilience4j_timelimiter_calls_total{name="orders",kind="timeout"} 1
)");
}

TEST(TextExporter, EscapesNamesAndLeavesOutWhatIsNotThere) {
  Bulkhead one("say \"hi\"\\\n", {});
  Bulkhead other("other", {});
  TextExporter exporter;
  EXPECT_EQ(exporter.text(), "");
  exporter.add(one);
  exporter.add(other);
  EXPECT_THAT(exporter.text(), HasSubstr(R"(calls{name="say \"hi\"\\\n"} 25)"));
  EXPECT_THAT(exporter.text(), HasSubstr(R"(calls{name="other"} 25)"));
  EXPECT_THAT(exporter.text(), Not(HasSubstr("circuitbreaker")));
}

}  // namespace
}  // namespace stormlog::resilience::prometheus
