#include "common/service/http_metrics.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace stormlog::service {
namespace {

using std::chrono::milliseconds;

std::optional<double> value_of(telemetry::Metrics& metrics, const std::string& name,
                               const telemetry::Labels& labels) {
  for (const auto& sample : telemetry::parse_exposition(metrics.expose(), nullptr)) {
    if (sample.name == name && sample.labels == labels) return sample.value;
  }
  return std::nullopt;
}

TEST(HttpMetricsTest, CountsByRouteMethodAndCodeAndTimesByRouteAndMethod) {
  telemetry::Metrics metrics;
  HttpMetrics http(metrics);
  http.observe({"/api/v1/logs", "POST", 202, milliseconds(4)});
  http.observe({"/api/v1/logs", "POST", 202, milliseconds(4)});
  http.observe({"/api/v1/logs", "POST", 503, milliseconds(1)});
  http.observe({"/api/v1/logs", "GET", 200, milliseconds(9)});
  const telemetry::Labels post{{"route", "/api/v1/logs"}, {"method", "POST"}};
  telemetry::Labels accepted = post;
  accepted["code"] = "202";
  telemetry::Labels refused = post;
  refused["code"] = "503";
  EXPECT_EQ(value_of(metrics, "http_requests_total", accepted), 2);
  EXPECT_EQ(value_of(metrics, "http_requests_total", refused), 1);
  EXPECT_EQ(value_of(metrics, "http_request_duration_seconds_count", post), 3);
  EXPECT_DOUBLE_EQ(value_of(metrics, "http_request_duration_seconds_sum", post).value_or(0), 0.009);
}

TEST(HttpMetricsTest, ClientsCannotMakeUpLabels) {
  telemetry::Metrics metrics;
  HttpMetrics http(metrics);
  for (int i = 0; i < 100; ++i) {
    const std::string method = "M" + std::to_string(i);
    http.observe({"", method, 404, milliseconds(1)});
  }
  EXPECT_EQ(value_of(metrics, "http_requests_total",
                     {{"route", "unmatched"}, {"method", "other"}, {"code", "404"}}),
            100);
}

}  // namespace
}  // namespace stormlog::service
