#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/http/server.hpp"
#include "common/telemetry/metrics.hpp"

namespace stormlog::service {

// Counts a server's requests as http_requests_total{route,method,code} and times them as
// http_request_duration_seconds{route,method}. Clients cannot make up label values: a request
// without a route has the route "unmatched", an unusual method is "other".
//
// Threads:  the server's one thread.
// Lifetime: `metrics` must outlive it.
class HttpMetrics {
 public:
  explicit HttpMetrics(telemetry::Metrics& metrics) : metrics_(metrics) {}
  void observe(const http::RequestRecord& record);

 private:
  template <typename Owned, typename Viewed>
  struct KeyLess {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Viewed(a) < Viewed(b);
    }
  };
  struct RouteView {
    std::string_view route;
    std::string_view method;
    int code;
    auto operator<=>(const RouteView&) const = default;
  };
  struct RouteKey {
    std::string route;
    std::string method;
    int code;
    operator RouteView() const { return {route, method, code}; }  // NOLINT: compared as views
  };
  using Less = KeyLess<RouteKey, RouteView>;

  telemetry::Metrics& metrics_;
  std::map<RouteKey, telemetry::Counter, Less> requests_;
  std::map<RouteKey, telemetry::HistogramMetric, Less> durations_;  // code is 0
};

}  // namespace stormlog::service
