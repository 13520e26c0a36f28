#include "common/telemetry/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <ctime>
#include <optional>
#include <stdexcept>
#include <thread>

#include "common/base/version.hpp"

namespace stormlog::telemetry {
namespace {

using ::testing::HasSubstr;

std::vector<Sample> scrape(Metrics& metrics) {
  std::string error;
  auto samples = parse_exposition(metrics.expose(), &error);
  EXPECT_EQ(error, "");
  return samples;
}

std::optional<double> value_of(Metrics& metrics, const std::string& name,
                               const Labels& labels = {}) {
  for (const auto& sample : scrape(metrics)) {
    if (sample.name == name && sample.labels == labels) return sample.value;
  }
  return std::nullopt;
}

TEST(MetricsTest, NamesAreExportedAsGiven) {
  Metrics metrics;
  metrics.counter("log_events_sent_success", "Events in Kafka.").add(3);
  metrics.gauge("kafka_consumer_lag", "Lag.", {{"partition", "2"}}).set(7.5);
  EXPECT_THAT(metrics.expose(), HasSubstr("# HELP log_events_sent_success Events in Kafka.\n"
                                          "# TYPE log_events_sent_success counter\n"
                                          "log_events_sent_success 3\n"));
  EXPECT_EQ(value_of(metrics, "kafka_consumer_lag", {{"partition", "2"}}), 7.5);
}

TEST(MetricsTest, SameNameAndLabelsAreOneMetric) {
  Metrics metrics;
  const auto a = metrics.counter("requests_total", "R.", {{"code", "200"}});
  const auto b = metrics.counter("requests_total", "R.", {{"code", "200"}});
  const auto other = metrics.counter("requests_total", "R.", {{"code", "500"}});
  a.add();
  b.add();
  other.add(5);
  EXPECT_EQ(a.value(), 2);
  EXPECT_EQ(value_of(metrics, "requests_total", {{"code", "200"}}), 2);
  EXPECT_EQ(value_of(metrics, "requests_total", {{"code", "500"}}), 5);
}

TEST(MetricsTest, CounterNeverFallsAndGaugeDoes) {
  Metrics metrics;
  const auto counter = metrics.counter("c_total", "C.");
  counter.add(2);
  counter.add(-1);
  EXPECT_EQ(counter.value(), 2);
  const auto gauge = metrics.gauge("g", "G.");
  gauge.add(2);
  gauge.add(-3);
  EXPECT_EQ(gauge.value(), -1);
}

TEST(MetricsTest, HistogramIsInSeconds) {
  Metrics metrics;
  const auto histogram = metrics.histogram("d_seconds", "D.", {{"op", "get"}}, {0.01, 0.1});
  histogram.observe(std::chrono::milliseconds(50));
  histogram.observe(std::chrono::milliseconds(5));
  histogram.observe(2.0);
  EXPECT_EQ(value_of(metrics, "d_seconds_count", {{"op", "get"}}), 3);
  EXPECT_DOUBLE_EQ(*value_of(metrics, "d_seconds_sum", {{"op", "get"}}), 2.055);
  EXPECT_EQ(value_of(metrics, "d_seconds_bucket", {{"op", "get"}, {"le", "0.01"}}), 1);
  EXPECT_EQ(value_of(metrics, "d_seconds_bucket", {{"op", "get"}, {"le", "0.1"}}), 2);
  EXPECT_EQ(value_of(metrics, "d_seconds_bucket", {{"op", "get"}, {"le", "+Inf"}}), 3);
}

TEST(MetricsTest, LabelValuesSurviveTheRoundTrip) {
  Metrics metrics;
  const std::string nasty = "a\\b\"c\nd{}=,é";
  metrics.gauge("g", "G.", {{"text", nasty}}).set(1);
  EXPECT_EQ(value_of(metrics, "g", {{"text", nasty}}), 1);
}

TEST(MetricsTest, SourcesAreReadAtEachScrape) {
  Metrics metrics;
  double depth = 1;
  bool assigned = true;
  metrics.gauge_source("depth", "D.", [&](const Metrics::Emit& emit) {
    if (assigned) emit({{"partition", "0"}}, depth);
  });
  metrics.counter_source("seen_total", "S.", [&](const Metrics::Emit& emit) { emit({}, depth); });
  metrics.summary_source("calls_seconds", "C.", [](const Metrics::EmitSummary& emit) {
    emit({{"kind", "failed"}}, 4, 2.5);
  });
  EXPECT_EQ(value_of(metrics, "depth", {{"partition", "0"}}), 1);
  depth = 2;
  EXPECT_EQ(value_of(metrics, "depth", {{"partition", "0"}}), 2);
  EXPECT_EQ(value_of(metrics, "seen_total"), 2);
  EXPECT_EQ(value_of(metrics, "calls_seconds_count", {{"kind", "failed"}}), 4);
  EXPECT_EQ(value_of(metrics, "calls_seconds_sum", {{"kind", "failed"}}), 2.5);
  EXPECT_THAT(metrics.expose(), HasSubstr("# TYPE calls_seconds summary\n"));
  assigned = false;
  EXPECT_EQ(value_of(metrics, "depth", {{"partition", "0"}}), std::nullopt);
  EXPECT_EQ(metrics.expose().find("# TYPE depth"), std::string::npos);
}

TEST(MetricsTest, RefreshersRunBeforeTheScrape) {
  Metrics metrics;
  const auto gauge = metrics.gauge("g", "G.");
  int calls = 0;
  metrics.before_scrape([&] { gauge.set(++calls); });
  EXPECT_EQ(value_of(metrics, "g"), 1);
  EXPECT_EQ(value_of(metrics, "g"), 2);
}

TEST(MetricsTest, WhatPrometheusWouldRefuseThrows) {
  Metrics metrics;
  metrics.counter("a_total", "A.");
  EXPECT_THROW(metrics.gauge("a_total", "A."), std::invalid_argument);
  EXPECT_THROW(metrics.gauge_source("a_total", "A.", [](const Metrics::Emit&) {}),
               std::invalid_argument);
  EXPECT_THROW(metrics.counter("9a", "A."), std::invalid_argument);
  EXPECT_THROW(metrics.counter("", "A."), std::invalid_argument);
  EXPECT_THROW(metrics.counter("a-b", "A."), std::invalid_argument);
  EXPECT_THROW(metrics.counter("b_total", "B.", {{"a:b", "x"}}), std::invalid_argument);
  EXPECT_THROW(metrics.counter("b_total", "B.", {{"__name__", "x"}}), std::invalid_argument);
  EXPECT_THROW(metrics.histogram("h", "H.", {{"le", "x"}}), std::invalid_argument);
}

TEST(MetricsTest, ProcessMetrics) {
  Metrics metrics;
  metrics.add_process_metrics("log-producer");
  EXPECT_EQ(value_of(metrics, "build_info",
                     {{"service", "log-producer"}, {"version", std::string(program_version())}}),
            1);
  EXPECT_GT(value_of(metrics, "process_resident_memory_bytes").value_or(0), 100'000);
  EXPECT_GE(value_of(metrics, "process_virtual_memory_bytes").value_or(0),
            value_of(metrics, "process_resident_memory_bytes").value_or(1e18));
  EXPECT_GE(value_of(metrics, "process_open_fds").value_or(0), 3);
  EXPECT_GE(value_of(metrics, "process_max_fds").value_or(0),
            value_of(metrics, "process_open_fds").value_or(1e18));
  EXPECT_GE(value_of(metrics, "process_cpu_seconds_total").value_or(-1), 0);
  const auto now = static_cast<double>(std::time(nullptr));
  const double start = value_of(metrics, "process_start_time_seconds").value_or(0);
  EXPECT_LE(start, now + 60);
  EXPECT_GT(start, now - 86'400);
}

TEST(MetricsTest, ManyThreadsLoseNothing) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        metrics.counter("n_total", "N.", {{"k", std::to_string(i % 3)}}).add();
        if (i % 100 == 0) metrics.expose();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  double sum = 0;
  for (const auto& sample : scrape(metrics)) sum += sample.name == "n_total" ? sample.value : 0;
  EXPECT_EQ(sum, 4'000);
}

}  // namespace
}  // namespace stormlog::telemetry
