#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/telemetry/metrics.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

// Reads a breaker's numbers for several readers. The longest durations are "since the last read"
// in the breaker: here they are kept until a scrape has taken them.
class BreakerReading {
 public:
  using Metrics = resilience::CircuitBreaker::Metrics;

  explicit BreakerReading(std::shared_ptr<resilience::CircuitBreaker> breaker)
      : breaker_(std::move(breaker)) {}

  const resilience::CircuitBreaker& breaker() const { return *breaker_; }
  resilience::CircuitBreaker& breaker() { return *breaker_; }
  // The numbers now, with the longest durations since the last scrape.
  Metrics read();
  // The same, kept as last_scrape(); the longest durations start anew.
  void scrape();
  const Metrics& last_scrape() const { return scraped_; }

 private:
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  double successful_max_ = 0;
  double failed_max_ = 0;
  Metrics scraped_;
};

// Exports all of `readings` under the names of Resilience4j (resilience/prometheus.hpp).
void export_breakers(telemetry::Metrics& metrics,
                     std::function<std::vector<BreakerReading>&()> readings);

}  // namespace stormlog::pipeline
