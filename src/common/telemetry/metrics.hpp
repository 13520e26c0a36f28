#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.hpp"

namespace prometheus {
class Registry;
class Collectable;
}  // namespace prometheus

// Metrics in Prometheus' words, over prometheus-cpp. Get a handle once and keep it: looking one up
// takes a lock, using one does not.
namespace stormlog::telemetry {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  void add(double by = 1) const;
  double value() const;

 private:
  friend class Metrics;
  explicit Counter(void* impl) : impl_(impl) {}
  void* impl_;
};

class Gauge {
 public:
  void set(double value) const;
  void add(double by) const;
  double value() const;

 private:
  friend class Metrics;
  explicit Gauge(void* impl) : impl_(impl) {}
  void* impl_;
};

class HistogramMetric {
 public:
  void observe(Nanoseconds duration) const;  // exported in seconds
  void observe(double value) const;

 private:
  friend class Metrics;
  explicit HistogramMetric(void* impl) : impl_(impl) {}
  void* impl_;
};

// Seconds: 0.5 ms to 10 s.
const std::vector<double>& default_latency_buckets();

// A registry of one program. Handles live as long as it does.
//
// Threads: thread-safe.
// Errors:  a name or label that Prometheus would refuse is a bug and throws.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name and labels give the same metric.
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  HistogramMetric histogram(const std::string& name, const std::string& help,
                            const Labels& labels = {},
                            const std::vector<double>& buckets = default_latency_buckets());

  // Called before each scrape, to set gauges that are read rather than kept.
  void before_scrape(std::function<void()> refresh);

  // Adds process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds,
  // process_start_time_seconds and build_info.
  void add_process_metrics(const std::string& service);

  // Text exposition format 0.0.4, for GET /metrics.
  std::string expose();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One sample of a scraped page.
struct Sample {
  std::string name;
  Labels labels;
  double value = 0;
};

// Parses the text exposition format; what is not understood is an error with its line number.
// Lives here, beside the writer, because the engine reads what any service writes.
std::vector<Sample> parse_exposition(const std::string& text, std::string* error);

}  // namespace stormlog::telemetry
