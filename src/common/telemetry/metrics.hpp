#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/telemetry/exposition.hpp"

// Metrics in Prometheus' words, over prometheus-cpp. Get a handle once and keep it: looking one up
// takes a lock on the family; using a counter or gauge takes none, a histogram its own.
namespace stormlog::telemetry {

class Counter {
 public:
  // Ignores what is negative: a counter never falls.
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
// Threads: thread-safe. Sources and refreshers run on the thread that calls expose(), one at a
// time. Errors:  a name or label that Prometheus would refuse, and a name used for two types, are
// bugs
//          and throw std::invalid_argument.
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

  // Metrics whose samples are made at each scrape: for values that are counted elsewhere, and for
  // label sets that come and go, such as partitions. A family without samples is left out.
  using Emit = std::function<void(const Labels&, double)>;
  using EmitSummary = std::function<void(const Labels&, std::uint64_t count, double sum)>;
  void counter_source(const std::string& name, const std::string& help,
                      std::function<void(const Emit&)> source);
  void gauge_source(const std::string& name, const std::string& help,
                    std::function<void(const Emit&)> source);
  // Exported as NAME_count and NAME_sum, without quantiles.
  void summary_source(const std::string& name, const std::string& help,
                      std::function<void(const EmitSummary&)> source);
  // `counts` are of each bucket alone, not summed up; the last is what lies beyond all bounds.
  using EmitHistogram =
      std::function<void(const Labels&, const std::vector<std::uint64_t>& counts, double sum)>;
  void histogram_source(const std::string& name, const std::string& help,
                        std::vector<double> bounds,
                        std::function<void(const EmitHistogram&)> source);

  // Adds process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes,
  // process_open_fds, process_max_fds, process_start_time_seconds and build_info.
  void add_process_metrics(const std::string& service);

  // Text exposition format 0.0.4, for GET /metrics.
  std::string expose();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stormlog::telemetry
