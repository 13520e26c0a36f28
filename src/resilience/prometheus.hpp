#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resilience/bulkhead.hpp"
#include "resilience/circuit_breaker.hpp"
#include "resilience/rate_limiter.hpp"
#include "resilience/retry.hpp"
#include "resilience/time_limiter.hpp"

// The guards' metrics under the names of Resilience4j, so that its dashboards and alerts work as
// they are. The tables here are the only place that knows the names; whoever has a metrics library
// of his own walks through them, whoever has none takes TextExporter.
//
// Source: resilience4j-micrometer, Tagged*MetricsPublisher.
namespace stormlog::resilience::prometheus {

enum class Type { counter, gauge, summary };

// One sample, without the label `name`, which every sample has: the guard's.
struct Sample {
  std::string_view label = {};  // a second label; "" where there is none
  std::string_view label_value = {};
  double value = 0;         // in a summary the sum
  std::uint64_t count = 0;  // in a summary alone
};
using Emit = std::function<void(const Sample&)>;

template <typename Metrics>
struct Family {
  std::string_view name;
  std::string_view help;
  Type type;
  void (*samples)(const Metrics&, const Emit&);
};

struct BulkheadMetrics {
  int available_concurrent_calls = 0;
  int max_allowed_concurrent_calls = 0;
};

std::span<const Family<CircuitBreaker::Metrics>> circuit_breaker_families();
std::span<const Family<Retry::Metrics>> retry_families();
std::span<const Family<BulkheadMetrics>> bulkhead_families();
std::span<const Family<RateLimiter::Metrics>> rate_limiter_families();
std::span<const Family<TimeLimiter::Metrics>> time_limiter_families();

// A rate as it is published: 0 where the breaker has too few calls to tell. -1, as Resilience4j has
// it, is no percentage and spoils every average; buffered_calls tells the two apart.
inline double published_rate(double percent) {
  return percent < 0 ? 0 : percent;
}

// Prometheus' text format of guards of all kinds.
//
// Threads:  caller synchronises; the guards may be in use meanwhile.
// Lifetime: what was added outlives it.
// Source:   prometheus.io/docs/instrumenting/exposition_formats, 0.0.4.
class TextExporter {
 public:
  void add(const CircuitBreaker& breaker) { breakers_.push_back(&breaker); }
  void add(const Retry& retry) { retries_.push_back(&retry); }
  void add(const Bulkhead& bulkhead) { bulkheads_.push_back(&bulkhead); }
  void add(const RateLimiter& limiter) { rate_limiters_.push_back(&limiter); }
  void add(const TimeLimiter& limiter) { time_limiters_.push_back(&limiter); }

  // For GET /metrics, with Content-Type "text/plain; version=0.0.4". The longest durations start
  // anew with each call.
  std::string text() const;

 private:
  std::vector<const CircuitBreaker*> breakers_;
  std::vector<const Retry*> retries_;
  std::vector<const Bulkhead*> bulkheads_;
  std::vector<const RateLimiter*> rate_limiters_;
  std::vector<const TimeLimiter*> time_limiters_;
};

}  // namespace stormlog::resilience::prometheus
