// Metrics under Resilience4j's names, for GET /metrics, without a metrics library.

#include <cstdio>
#include <stormlog/resilience/policy.hpp>
#include <stormlog/resilience/prometheus.hpp>

namespace rs = stormlog::resilience;

int main() {
  const stormlog::Clock& clock = stormlog::SystemClock::instance();
  rs::CircuitBreaker breaker("orders", {}, clock, stormlog::Random(1));
  rs::Retry retry("orders", {}, clock, stormlog::Random(2));
  rs::TimeLimiter limiter("orders", {}, clock);

  rs::prometheus::TextExporter exporter;
  exporter.add(breaker);
  exporter.add(retry);
  exporter.add(limiter);

  rs::Policy policy;
  policy.breaker = &breaker;
  policy.retry = &retry;
  policy.time_limiter = &limiter;
  for (int i = 0; i < 3; ++i) {
    if (!rs::call(policy, [] { return true; })) return 1;
  }
  std::fputs(exporter.text().c_str(), stdout);
}
