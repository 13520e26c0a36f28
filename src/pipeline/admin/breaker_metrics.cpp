#include "pipeline/admin/breaker_metrics.hpp"

#include <algorithm>
#include <string>

#include "resilience/prometheus.hpp"

namespace stormlog::pipeline {
namespace {

using resilience::prometheus::Sample;
using telemetry::Labels;
using telemetry::Metrics;

Labels labels_of(const BreakerReading& reading, const Sample& sample) {
  Labels labels{{"name", reading.breaker().name()}};
  if (!sample.label.empty()) labels.emplace(sample.label, sample.label_value);
  return labels;
}

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
  using resilience::prometheus::Type;
  metrics.before_scrape([readings] {
    for (auto& reading : readings()) reading.scrape();
  });
  for (const auto& family : resilience::prometheus::circuit_breaker_families()) {
    // Calls `each` with the labels and every sample of the family.
    const auto for_each = [readings, &family](const auto& each) {
      for (auto& reading : readings()) {
        family.samples(reading.last_scrape(),
                       [&](const Sample& sample) { each(labels_of(reading, sample), sample); });
      }
    };
    const auto values = [for_each](const Metrics::Emit& emit) {
      for_each([&emit](const Labels& labels, const Sample& sample) { emit(labels, sample.value); });
    };
    const std::string name(family.name);
    const std::string help(family.help);
    switch (family.type) {
      case Type::counter:
        metrics.counter_source(name, help, values);
        break;
      case Type::gauge:
        metrics.gauge_source(name, help, values);
        break;
      case Type::summary:
        metrics.summary_source(name, help, [for_each](const Metrics::EmitSummary& emit) {
          for_each([&emit](const Labels& labels, const Sample& sample) {
            emit(labels, sample.count, sample.value);
          });
        });
        break;
    }
  }
}

}  // namespace stormlog::pipeline
