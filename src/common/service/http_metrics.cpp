#include "common/service/http_metrics.hpp"

#include <algorithm>
#include <array>

namespace stormlog::service {
namespace {

// Source: RFC 9110 §9.3 and RFC 5789.
constexpr std::array<std::string_view, 8> kMethods{"GET",    "HEAD",    "POST",  "PUT",
                                                   "DELETE", "OPTIONS", "PATCH", "TRACE"};

std::string_view known_method(std::string_view method) {
  return std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end() ? "other" : method;
}

}  // namespace

void HttpMetrics::observe(const http::RequestRecord& record) {
  const std::string_view route = record.route.empty() ? "unmatched" : record.route;
  const std::string_view method = known_method(record.method);

  const RouteView counted{route, method, record.status};
  auto requests = requests_.find(counted);
  if (requests == requests_.end()) {
    RouteKey key{std::string(route), std::string(method), record.status};
    const auto counter = metrics_.counter(
        "http_requests_total", "Requests answered.",
        {{"route", key.route}, {"method", key.method}, {"code", std::to_string(record.status)}});
    requests = requests_.emplace(std::move(key), counter).first;
  }
  requests->second.add();

  const RouteView timed{route, method, 0};
  auto durations = durations_.find(timed);
  if (durations == durations_.end()) {
    RouteKey key{std::string(route), std::string(method), 0};
    const auto histogram =
        metrics_.histogram("http_request_duration_seconds",
                           "From the last byte of a request to the last byte of its response.",
                           {{"route", key.route}, {"method", key.method}});
    durations = durations_.emplace(std::move(key), histogram).first;
  }
  durations->second.observe(record.duration);
}

}  // namespace stormlog::service
