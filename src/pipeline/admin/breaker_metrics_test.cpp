#include "pipeline/admin/breaker_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

namespace stormlog::pipeline {
namespace {

using resilience::BreakerState;
using resilience::CircuitBreaker;
using resilience::CircuitBreakerConfig;
using telemetry::Labels;

class BreakerMetricsTest : public ::testing::Test {
 protected:
  BreakerMetricsTest() {
    CircuitBreakerConfig config;
    config.window_size = 10;
    config.minimum_calls = 4;
    config.slow_call = std::chrono::milliseconds(100);
    breaker_ = std::make_shared<CircuitBreaker>("log-producer", config, clock_, Random(1));
    readings_.emplace_back(breaker_);
    export_breakers(metrics_, [this]() -> std::vector<BreakerReading>& { return readings_; });
  }

  void call(bool ok, std::chrono::milliseconds duration) {
    auto permit = breaker_->acquire();
    ASSERT_TRUE(permit);
    if (ok) {
      permit.success(duration);
    } else {
      permit.failure(duration);
    }
  }
  // All samples of the breaker's metrics, by name and the one label besides `name`.
  std::map<std::string, double> scrape() {
    std::map<std::string, double> all;
    std::string error;
    for (auto& sample : telemetry::parse_exposition(metrics_.expose(), &error)) {
      EXPECT_EQ(sample.labels["name"], "log-producer");
      sample.labels.erase("name");
      std::string key = sample.name.substr(std::string("resilience4j_circuitbreaker_").size());
      for (const auto& [label, value] : sample.labels) key += " " + label + "=" + value;
      all[key] = sample.value;
    }
    EXPECT_EQ(error, "");
    return all;
  }

  ManualClock clock_;
  std::shared_ptr<CircuitBreaker> breaker_;
  std::vector<BreakerReading> readings_;
  telemetry::Metrics metrics_;
};

TEST_F(BreakerMetricsTest, FreshBreakerPublishesZeroAndNeverMinusOne) {
  const auto all = scrape();
  EXPECT_EQ(all.at("failure_rate"), 0);
  EXPECT_EQ(all.at("slow_call_rate"), 0);
  EXPECT_EQ(all.at("buffered_calls kind=successful"), 0);
  EXPECT_EQ(all.at("buffered_calls kind=failed"), 0);
  EXPECT_EQ(all.at("not_permitted_calls_total kind=not_permitted"), 0);
  for (const char* kind : {"successful", "failed", "ignored"}) {
    EXPECT_EQ(all.at(std::string("calls_seconds_count kind=") + kind), 0);
  }
  for (const auto& [name, value] : all) EXPECT_GE(value, 0) << name;
}

TEST_F(BreakerMetricsTest, ExactlyOneStateIsOne) {
  const std::pair<BreakerState, std::string> steps[] = {
      {BreakerState::closed, "closed"},       {BreakerState::open, "open"},
      {BreakerState::half_open, "half_open"}, {BreakerState::forced_open, "forced_open"},
      {BreakerState::disabled, "disabled"},   {BreakerState::metrics_only, "metrics_only"},
  };
  for (const auto& [state, name] : steps) {
    if (breaker_->state() != state) {
      ASSERT_TRUE(breaker_->transition_to(state)) << name;
    }
    const auto all = scrape();
    double sum = 0;
    for (const auto& [other, other_name] : steps) sum += all.at("state state=" + other_name);
    EXPECT_EQ(sum, 1);
    EXPECT_EQ(all.at("state state=" + name), 1);
  }
}

TEST_F(BreakerMetricsTest, CallsAreCountedByKindAndSpeed) {
  call(true, std::chrono::milliseconds(50));
  call(true, std::chrono::milliseconds(150));
  call(true, std::chrono::milliseconds(10));
  call(false, std::chrono::milliseconds(250));
  call(true, std::chrono::milliseconds(10));
  const auto all = scrape();
  EXPECT_EQ(all.at("calls_seconds_count kind=successful"), 4);
  EXPECT_NEAR(all.at("calls_seconds_sum kind=successful"), 0.22, 1e-6);
  EXPECT_NEAR(all.at("calls_seconds_max kind=successful"), 0.15, 1e-6);
  EXPECT_EQ(all.at("calls_seconds_count kind=failed"), 1);
  EXPECT_NEAR(all.at("calls_seconds_sum kind=failed"), 0.25, 1e-6);
  EXPECT_EQ(all.at("buffered_calls kind=successful"), 4);
  EXPECT_EQ(all.at("buffered_calls kind=failed"), 1);
  EXPECT_EQ(all.at("slow_calls kind=successful"), 1);
  EXPECT_EQ(all.at("slow_calls kind=failed"), 1);
  EXPECT_DOUBLE_EQ(all.at("failure_rate"), 20);
  EXPECT_DOUBLE_EQ(all.at("slow_call_rate"), 40);
}

TEST_F(BreakerMetricsTest, RefusedCallsAreCounted) {
  ASSERT_TRUE(breaker_->transition_to(BreakerState::open));
  EXPECT_FALSE(breaker_->acquire());
  EXPECT_FALSE(breaker_->acquire());
  EXPECT_EQ(scrape().at("not_permitted_calls_total kind=not_permitted"), 2);
}

TEST_F(BreakerMetricsTest, LongestCallIsKeptUntilAScrapeTookIt) {
  call(true, std::chrono::milliseconds(80));
  readings_[0].read();  // another reader in between
  readings_[0].read();
  EXPECT_NEAR(scrape().at("calls_seconds_max kind=successful"), 0.08, 1e-6);
  EXPECT_EQ(scrape().at("calls_seconds_max kind=successful"), 0);
}

}  // namespace
}  // namespace stormlog::pipeline
