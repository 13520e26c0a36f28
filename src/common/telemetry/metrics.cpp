#include "common/telemetry/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <mutex>
#include <stdexcept>

#include "common/telemetry/process_metrics.hpp"

namespace stormlog::telemetry {
namespace {

bool is_valid_name(const std::string& name, bool colon) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !(digit && i > 0) && !(colon && c == ':')) return false;
  }
  return !name.empty();
}

void check_labels(const std::string& metric, const Labels& labels) {
  for (const auto& [label, value] : labels) {
    // Names that start with __ are Prometheus' own; le and quantile belong to the format.
    if (!is_valid_name(label, false) || label.starts_with("__") || label == "le" ||
        label == "quantile") {
      throw std::invalid_argument("metric " + metric + ": bad label name \"" + label + "\"");
    }
  }
}

prometheus::ClientMetric labelled(const std::string& metric, const Labels& labels) {
  check_labels(metric, labels);
  prometheus::ClientMetric sample;
  for (const auto& [name, value] : labels) sample.label.push_back({name, value});
  return sample;
}

}  // namespace

const std::vector<double>& default_latency_buckets() {
  static const std::vector<double> buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                           0.1,    0.25,  0.5,    1,     2.5,  5,     10};
  return buckets;
}

void Counter::add(double by) const {
  static_cast<prometheus::Counter*>(impl_)->Increment(by);
}
double Counter::value() const {
  return static_cast<prometheus::Counter*>(impl_)->Value();
}

void Gauge::set(double value) const {
  static_cast<prometheus::Gauge*>(impl_)->Set(value);
}
void Gauge::add(double by) const {
  static_cast<prometheus::Gauge*>(impl_)->Increment(by);
}
double Gauge::value() const {
  return static_cast<prometheus::Gauge*>(impl_)->Value();
}

void HistogramMetric::observe(Nanoseconds duration) const {
  observe(std::chrono::duration<double>(duration).count());
}
void HistogramMetric::observe(double value) const {
  static_cast<prometheus::Histogram*>(impl_)->Observe(value);
}

struct Metrics::Impl {
  using Source = std::function<void(prometheus::MetricFamily&)>;

  // A name has one type for ever; prometheus-cpp's own registry holds only some of them.
  void claim(const std::string& name, prometheus::MetricType type, bool by_source) {
    if (!is_valid_name(name, true)) {
      throw std::invalid_argument("bad metric name \"" + name + "\"");
    }
    const auto [at, fresh] = types.emplace(name, std::pair(type, by_source));
    if (!fresh && (by_source || at->second != std::pair(type, by_source))) {
      throw std::invalid_argument("metric " + name + " exists already");
    }
  }

  void add_source(const std::string& name, const std::string& help, prometheus::MetricType type,
                  Source source) {
    const std::lock_guard lock(mutex);
    claim(name, type, true);
    prometheus::MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    sources.emplace_back(std::move(family), std::move(source));
  }

  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  std::mutex mutex;  // of what follows
  std::map<std::string, std::pair<prometheus::MetricType, bool>> types;
  std::vector<std::pair<prometheus::MetricFamily, Source>> sources;
  std::vector<std::function<void()>> refreshers;
  std::mutex expose_mutex;  // one scrape at a time
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  check_labels(name, labels);
  const std::lock_guard lock(impl_->mutex);
  impl_->claim(name, prometheus::MetricType::Counter, false);
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  return Counter(&family.Add(labels));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  check_labels(name, labels);
  const std::lock_guard lock(impl_->mutex);
  impl_->claim(name, prometheus::MetricType::Gauge, false);
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  return Gauge(&family.Add(labels));
}

HistogramMetric Metrics::histogram(const std::string& name, const std::string& help,
                                   const Labels& labels, const std::vector<double>& buckets) {
  check_labels(name, labels);
  const std::lock_guard lock(impl_->mutex);
  impl_->claim(name, prometheus::MetricType::Histogram, false);
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  return HistogramMetric(&family.Add(labels, buckets));
}

void Metrics::before_scrape(std::function<void()> refresh) {
  const std::lock_guard lock(impl_->mutex);
  impl_->refreshers.push_back(std::move(refresh));
}

void Metrics::counter_source(const std::string& name, const std::string& help,
                             std::function<void(const Emit&)> source) {
  impl_->add_source(name, help, prometheus::MetricType::Counter,
                    [source = std::move(source)](prometheus::MetricFamily& family) {
                      source([&](const Labels& labels, double value) {
                        auto sample = labelled(family.name, labels);
                        sample.counter.value = value;
                        family.metric.push_back(std::move(sample));
                      });
                    });
}

void Metrics::gauge_source(const std::string& name, const std::string& help,
                           std::function<void(const Emit&)> source) {
  impl_->add_source(name, help, prometheus::MetricType::Gauge,
                    [source = std::move(source)](prometheus::MetricFamily& family) {
                      source([&](const Labels& labels, double value) {
                        auto sample = labelled(family.name, labels);
                        sample.gauge.value = value;
                        family.metric.push_back(std::move(sample));
                      });
                    });
}

void Metrics::summary_source(const std::string& name, const std::string& help,
                             std::function<void(const EmitSummary&)> source) {
  impl_->add_source(name, help, prometheus::MetricType::Summary,
                    [source = std::move(source)](prometheus::MetricFamily& family) {
                      source([&](const Labels& labels, std::uint64_t count, double sum) {
                        auto sample = labelled(family.name, labels);
                        sample.summary.sample_count = count;
                        sample.summary.sample_sum = sum;
                        family.metric.push_back(std::move(sample));
                      });
                    });
}

void Metrics::histogram_source(const std::string& name, const std::string& help,
                               std::vector<double> bounds,
                               std::function<void(const EmitHistogram&)> source) {
  bounds.push_back(std::numeric_limits<double>::infinity());
  impl_->add_source(
      name, help, prometheus::MetricType::Histogram,
      [bounds = std::move(bounds), source = std::move(source)](prometheus::MetricFamily& family) {
        source([&](const Labels& labels, const std::vector<std::uint64_t>& counts, double sum) {
          auto sample = labelled(family.name, labels);
          std::uint64_t total = 0;
          for (std::size_t i = 0; i < bounds.size(); ++i) {
            total += i < counts.size() ? counts[i] : 0;
            sample.histogram.bucket.push_back({total, bounds[i]});
          }
          sample.histogram.sample_count = total;
          sample.histogram.sample_sum = sum;
          family.metric.push_back(std::move(sample));
        });
      });
}

void Metrics::add_process_metrics(const std::string& service) {
  telemetry::add_process_metrics(*this, service);
}

std::string Metrics::expose() {
  const std::lock_guard one_scrape(impl_->expose_mutex);
  decltype(impl_->refreshers) refreshers;
  decltype(impl_->sources) sources;
  {
    const std::lock_guard lock(impl_->mutex);
    refreshers = impl_->refreshers;
    sources = impl_->sources;
  }
  for (const auto& refresh : refreshers) refresh();
  auto families = impl_->registry.Collect();
  for (auto& [family, source] : sources) {
    source(family);
    if (!family.metric.empty()) families.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace stormlog::telemetry
