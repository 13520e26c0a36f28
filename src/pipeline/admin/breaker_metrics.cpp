#include "pipeline/admin/breaker_metrics.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace stormlog::pipeline {
namespace {

using resilience::BreakerState;
using telemetry::Metrics;

constexpr std::array<BreakerState, 6> kStates{BreakerState::closed,    BreakerState::open,
                                              BreakerState::half_open, BreakerState::forced_open,
                                              BreakerState::disabled,  BreakerState::metrics_only};

}  // namespace

BreakerReading::Metrics BreakerReading::read() {
  Metrics now = breaker_->metrics();
  successful_max_ = std::max(successful_max_, now.successful_max_seconds);
  failed_max_ = std::max(failed_max_, now.failed_max_seconds);
  now.successful_max_seconds = successful_max_;
  now.failed_max_seconds = failed_max_;
  return now;
}

void BreakerReading::scrape() {
  scraped_ = read();
  successful_max_ = 0;
  failed_max_ = 0;
}

void export_breakers(telemetry::Metrics& metrics,
                     std::function<std::vector<BreakerReading>&()> readings) {
  static const std::string kPrefix = "resilience4j_circuitbreaker_";
  metrics.before_scrape([readings] {
    for (auto& reading : readings()) reading.scrape();
  });
  // Calls `each` with the name and the numbers of every breaker.
  const auto for_each = [readings](const auto& each) {
    for (auto& reading : readings()) each(reading.breaker().name(), reading.last_scrape());
  };

  metrics.gauge_source(
      kPrefix + "state", "The states of the circuit breaker: 1 for the one it is in.",
      [for_each](const Metrics::Emit& emit) {
        for_each([&](const std::string& name, const BreakerReading::Metrics& now) {
          for (const BreakerState state : kStates) {
            emit({{"name", name}, {"state", std::string(resilience::to_string(state))}},
                 now.state == state ? 1 : 0);
          }
        });
      });
  metrics.summary_source(
      kPrefix + "calls_seconds", "Calls by how they ended, and the time they took.",
      [for_each](const Metrics::EmitSummary& emit) {
        for_each([&](const std::string& name, const BreakerReading::Metrics& now) {
          emit({{"name", name}, {"kind", "successful"}}, now.successful, now.successful_seconds);
          emit({{"name", name}, {"kind", "failed"}}, now.failed, now.failed_seconds);
          emit({{"name", name}, {"kind", "ignored"}}, now.ignored, now.ignored_seconds);
        });
      });
  metrics.gauge_source(
      kPrefix + "calls_seconds_max", "The longest call since the last scrape.",
      [for_each](const Metrics::Emit& emit) {
        for_each([&](const std::string& name, const BreakerReading::Metrics& now) {
          emit({{"name", name}, {"kind", "successful"}}, now.successful_max_seconds);
          emit({{"name", name}, {"kind", "failed"}}, now.failed_max_seconds);
        });
      });
  metrics.counter_source(
      kPrefix + "not_permitted_calls_total", "Calls that the circuit breaker refused.",
      [for_each](const Metrics::Emit& emit) {
        for_each([&](const std::string& name, const BreakerReading::Metrics& now) {
          emit({{"name", name}, {"kind", "not_permitted"}}, static_cast<double>(now.not_permitted));
        });
      });
  metrics.gauge_source(
      kPrefix + "buffered_calls", "Calls in the window that decides.",
      [for_each](const Metrics::Emit& emit) {
        for_each([&](const std::string& name, const BreakerReading::Metrics& now) {
          emit({{"name", name}, {"kind", "successful"}}, now.buffered - now.buffered_failed);
          emit({{"name", name}, {"kind", "failed"}}, now.buffered_failed);
        });
      });
  metrics.gauge_source(kPrefix + "slow_calls", "Slow calls in the window that decides.",
                       [for_each](const Metrics::Emit& emit) {
                         for_each([&](const std::string& name, const BreakerReading::Metrics& now) {
                           emit({{"name", name}, {"kind", "successful"}},
                                now.buffered_slow - now.buffered_slow_failed);
                           emit({{"name", name}, {"kind", "failed"}}, now.buffered_slow_failed);
                         });
                       });
  metrics.gauge_source(
      kPrefix + "failure_rate",
      "Percentage of failed calls in the window; 0 while buffered_calls is below the minimum.",
      [for_each](const Metrics::Emit& emit) {
        for_each([&](const std::string& name, const BreakerReading::Metrics& now) {
          emit({{"name", name}}, published_rate(now.failure_rate_percent));
        });
      });
  metrics.gauge_source(
      kPrefix + "slow_call_rate",
      "Percentage of slow calls in the window; 0 while buffered_calls is below the minimum.",
      [for_each](const Metrics::Emit& emit) {
        for_each([&](const std::string& name, const BreakerReading::Metrics& now) {
          emit({{"name", name}}, published_rate(now.slow_rate_percent));
        });
      });
}

}  // namespace stormlog::pipeline
