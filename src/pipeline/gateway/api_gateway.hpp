#pragma once

#include <memory>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/options.hpp"
#include "common/base/result.hpp"
#include "common/service/service_config.hpp"
#include "pipeline/gateway/coalescer.hpp"
#include "pipeline/gateway/query_proxy.hpp"
#include "pipeline/gateway/upstream.hpp"
#include "pipeline/ingest/ingest_config.hpp"

namespace stormlog::service {
class Service;
}

namespace stormlog::pipeline {

struct ApiGatewayConfig {
  service::ServiceConfig service{"api-gateway", 8080};
  std::string producers = "http://127.0.0.1:8081";  // comma list
  std::string queries = "http://127.0.0.1:8082";
  // Sent to producers and consumer; "" = none, and reads carry the client's own.
  std::string upstream_token;
  std::string new_token;  // not to serve, but to make a token
  // A request that is not answered by then ends with 504, or 503 where it never left the queue.
  // Less than the 10 s after which OpenTelemetry's exporters and most clients hang up: one that has
  // hung up is told nothing, not even that it may send the same again.
  std::chrono::milliseconds request_timeout{9'000};
  IngestConfig ingest;
  CoalescerConfig queue;
  UpstreamConfig upstream;
  resilience::CircuitBreakerConfig upstream_breaker = upstream_breaker_config();
  QueryProxyConfig query;
  resilience::CircuitBreakerConfig query_breaker = query_breaker_config();
};

void add_api_gateway_options(OptionTable& options, ApiGatewayConfig& config);

// The pipeline's entry point:
//   POST each of ingest_apis()   parsed and validated here, sent on to a producer in batches
//   GET  /api/v1/logs, /api/v1/logs/{id}, /api/v1/logs/tail   passed on to the log consumer
//   /admin/dlq, /admin/dlq/replay, /admin/dlq/{id}        so is this
//   GET  /openapi.yaml      the description of all this
// and /livez, /readyz (ready while some producer takes events), /metrics, /admin/breakers. Who may
// do what is AccessControl's to say.
//
// Threads:  run() on one thread; see Service.
class ApiGateway {
 public:
  // Permanent error for a URL that is not one, or a bad tokens file.
  static Result<std::unique_ptr<ApiGateway>> create(ApiGatewayConfig config,
                                                    const Clock& clock = SystemClock::instance());
  ~ApiGateway();
  ApiGateway(const ApiGateway&) = delete;
  ApiGateway& operator=(const ApiGateway&) = delete;

  service::Service& service();

 private:
  struct Impl;
  explicit ApiGateway(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stormlog::pipeline
