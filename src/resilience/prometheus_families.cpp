// The names, and what each of them shows.

#include <array>

#include "resilience/prometheus.hpp"

namespace stormlog::resilience::prometheus {
namespace {

double number_of(std::uint64_t count) {
  return static_cast<double>(count);
}

Sample of_kind(std::string_view kind, double value, std::uint64_t count = 0) {
  return {.label = "kind", .label_value = kind, .value = value, .count = count};
}

using Breaker = CircuitBreaker::Metrics;

constexpr std::array kStates{BreakerState::closed,    BreakerState::open,
                             BreakerState::half_open, BreakerState::forced_open,
                             BreakerState::disabled,  BreakerState::metrics_only};

constexpr Family<Breaker> kBreakerFamilies[] = {
    {"resilience4j_circuitbreaker_state",
     "The states of the circuit breaker: 1 for the one it is in.", Type::gauge,
     [](const Breaker& now, const Emit& emit) {
       for (const BreakerState state : kStates) {
         emit({.label = "state",
               .label_value = to_string(state),
               .value = now.state == state ? 1.0 : 0.0});
       }
     }},
    {"resilience4j_circuitbreaker_calls_seconds",
     "Calls by how they ended, and the time they took.", Type::summary,
     [](const Breaker& now, const Emit& emit) {
       emit(of_kind("successful", now.successful_seconds, now.successful));
       emit(of_kind("failed", now.failed_seconds, now.failed));
       emit(of_kind("ignored", now.ignored_seconds, now.ignored));
     }},
    {"resilience4j_circuitbreaker_calls_seconds_max", "The longest call since the last scrape.",
     Type::gauge,
     [](const Breaker& now, const Emit& emit) {
       emit(of_kind("successful", now.successful_max_seconds));
       emit(of_kind("failed", now.failed_max_seconds));
     }},
    {"resilience4j_circuitbreaker_not_permitted_calls_total",
     "Calls that the circuit breaker refused.", Type::counter,
     [](const Breaker& now, const Emit& emit) {
       emit(of_kind("not_permitted", number_of(now.not_permitted)));
     }},
    {"resilience4j_circuitbreaker_buffered_calls", "Calls in the window that decides.", Type::gauge,
     [](const Breaker& now, const Emit& emit) {
       emit(of_kind("successful", now.buffered - now.buffered_failed));
       emit(of_kind("failed", now.buffered_failed));
     }},
    {"resilience4j_circuitbreaker_slow_calls", "Slow calls in the window that decides.",
     Type::gauge,
     [](const Breaker& now, const Emit& emit) {
       emit(of_kind("successful", now.buffered_slow - now.buffered_slow_failed));
       emit(of_kind("failed", now.buffered_slow_failed));
     }},
    {"resilience4j_circuitbreaker_failure_rate",
     "Percentage of failed calls in the window; 0 while buffered_calls is below the minimum.",
     Type::gauge,
     [](const Breaker& now, const Emit& emit) {
       emit({.value = published_rate(now.failure_rate_percent)});
     }},
    {"resilience4j_circuitbreaker_slow_call_rate",
     "Percentage of slow calls in the window; 0 while buffered_calls is below the minimum.",
     Type::gauge,
     [](const Breaker& now, const Emit& emit) {
       emit({.value = published_rate(now.slow_rate_percent)});
     }},
};

constexpr Family<Retry::Metrics> kRetryFamilies[] = {
    {"resilience4j_retry_calls_total",
     "Operations by how they ended, and whether they were retried.", Type::counter,
     [](const Retry::Metrics& now, const Emit& emit) {
       emit(of_kind("successful_without_retry", number_of(now.successful_without_retry)));
       emit(of_kind("successful_with_retry", number_of(now.successful_with_retry)));
       emit(of_kind("failed_without_retry", number_of(now.failed_without_retry)));
       emit(of_kind("failed_with_retry", number_of(now.failed_with_retry)));
     }},
};

constexpr Family<BulkheadMetrics> kBulkheadFamilies[] = {
    {"resilience4j_bulkhead_available_concurrent_calls", "Calls that could still be admitted.",
     Type::gauge,
     [](const BulkheadMetrics& now, const Emit& emit) {
       emit({.value = static_cast<double>(now.available_concurrent_calls)});
     }},
    {"resilience4j_bulkhead_max_allowed_concurrent_calls", "Calls that are admitted at once.",
     Type::gauge,
     [](const BulkheadMetrics& now, const Emit& emit) {
       emit({.value = static_cast<double>(now.max_allowed_concurrent_calls)});
     }},
};

constexpr Family<RateLimiter::Metrics> kRateLimiterFamilies[] = {
    {"resilience4j_ratelimiter_available_permissions",
     "Permits to be had now; negative where some are reserved ahead of time.", Type::gauge,
     [](const RateLimiter::Metrics& now, const Emit& emit) {
       emit({.value = static_cast<double>(now.available_permissions)});
     }},
    {"resilience4j_ratelimiter_waiting_threads", "Calls that wait for their permit.", Type::gauge,
     [](const RateLimiter::Metrics& now, const Emit& emit) {
       emit({.value = static_cast<double>(now.waiting)});
     }},
};

constexpr Family<TimeLimiter::Metrics> kTimeLimiterFamilies[] = {
    {"resilience4j_timelimiter_calls_total", "Calls by how they ended.", Type::counter,
     [](const TimeLimiter::Metrics& now, const Emit& emit) {
       emit(of_kind("successful", number_of(now.successful)));
       emit(of_kind("failed", number_of(now.failed)));
       emit(of_kind("timeout", number_of(now.timeout)));
     }},
};

}  // namespace

std::span<const Family<CircuitBreaker::Metrics>> circuit_breaker_families() {
  return kBreakerFamilies;
}
std::span<const Family<Retry::Metrics>> retry_families() {
  return kRetryFamilies;
}
std::span<const Family<BulkheadMetrics>> bulkhead_families() {
  return kBulkheadFamilies;
}
std::span<const Family<RateLimiter::Metrics>> rate_limiter_families() {
  return kRateLimiterFamilies;
}
std::span<const Family<TimeLimiter::Metrics>> time_limiter_families() {
  return kTimeLimiterFamilies;
}

}  // namespace stormlog::resilience::prometheus
