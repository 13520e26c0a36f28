#include "pipeline/gateway/api_gateway.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/base/random.hpp"
#include "common/service/service.hpp"
#include "pipeline/admin/admin_guard.hpp"
#include "pipeline/admin/breakers.hpp"
#include "pipeline/gateway/openapi.hpp"
#include "pipeline/gateway/upstream_pool.hpp"
#include "pipeline/ingest/ingest_reader.hpp"
#include "pipeline/ingest/ingest_tally.hpp"
#include "pipeline/ingest/rejected_counter.hpp"

namespace stormlog::pipeline {
namespace {

Result<http::Url> parse_base_url(const std::string& text, const char* option) {
  auto url = http::Url::parse(text);
  if (!url || url->scheme != "http" || url->target != "/") {
    return Error::permanent(std::string(option) + ": \"" + text +
                            "\" is not the URL of a service; write http://127.0.0.1:8081");
  }
  return *std::move(url);
}

Result<std::vector<http::Url>> parse_producers(const std::string& text) {
  std::vector<http::Url> urls;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    auto url = parse_base_url(text.substr(at, end - at), "producers");
    if (!url.ok()) return url.error();
    urls.push_back(*std::move(url));
    at = end + 1;
  }
  return urls;
}

std::string producer_name(std::size_t index, std::size_t count) {
  return count == 1 ? "log-producer" : "log-producer-" + std::to_string(index + 1);
}

}  // namespace

struct ApiGateway::Impl {
  Impl(ApiGatewayConfig gateway_config, const Clock& gateway_clock)
      : config(std::move(gateway_config)),
        clock(gateway_clock),
        service(config.service),
        reader(clock, Random(Random::entropy_seed()), config.ingest,
               config.service.limits.max_body_bytes),
        rejected(service.metrics()),
        breakers(clock),
        pool(service.io(), config.queue, service.metrics(), clock) {}

  std::shared_ptr<resilience::CircuitBreaker> add_breaker(
      const std::string& name, const resilience::CircuitBreakerConfig& breaker_config);
  void install(const std::vector<http::Url>& producers, const http::Url& queries);
  asio::awaitable<http::Response> post_events(const IngestApi& api, http::Request& request);
  http::Response refuse(const IngestApi& api, const http::Request& request,
                        const Refusal& refusal) const;
  // Why none of its events has an outcome of its own; empty where they have.
  static std::optional<Refusal> refusal_of(const IngestRequest& travelling);

  ApiGatewayConfig config;
  const Clock& clock;
  service::Service service;
  IngestReader reader;
  RejectedCounter rejected;
  BreakerRegistry breakers;
  UpstreamPool pool;
  std::unique_ptr<QueryProxy> queries;
};

std::shared_ptr<resilience::CircuitBreaker> ApiGateway::Impl::add_breaker(
    const std::string& name, const resilience::CircuitBreakerConfig& breaker_config) {
  auto breaker = std::make_shared<resilience::CircuitBreaker>(name, breaker_config, clock,
                                                              Random(Random::entropy_seed()));
  breakers.add(breaker);
  return breaker;
}

void ApiGateway::Impl::install(const std::vector<http::Url>& producers,
                               const http::Url& queries_url) {
  for (std::size_t i = 0; i < producers.size(); ++i) {
    pool.add(producers[i], config.upstream,
             add_breaker(producer_name(i, producers.size()), config.upstream_breaker));
  }
  queries = std::make_unique<QueryProxy>(service.io(), queries_url, config.query,
                                         add_breaker("log-consumer", config.query_breaker));
  breakers.install(service);
  http::Router& router = service.router();
  for (const IngestApi* api : ingest_apis()) {
    router.add("POST", std::string(api->path()),
               [this, api](http::Request& request) { return post_events(*api, request); });
  }
  // Before {id}, which would match it.
  router.add_stream("GET", "/api/v1/logs/tail",
                    [this](http::Request& request) { return queries->stream(request); });
  for (const char* path : {"/api/v1/logs", "/api/v1/logs/{id}"}) {
    router.add("GET", path, [this](http::Request& request) { return queries->forward(request); });
  }
  router.add("GET", "/openapi.yaml", [](http::Request&) -> asio::awaitable<http::Response> {
    http::Response response = http::Response::text(200, std::string(openapi_yaml()));
    response.headers.set("Content-Type", "application/yaml");  // RFC 9512
    co_return response;
  });
  // The consumer asks for the admin token.
  for (const auto& [method, path] :
       {std::pair{"GET", "/admin/dlq"}, std::pair{"POST", "/admin/dlq/replay"},
        std::pair{"GET", "/admin/dlq/{id}"}, std::pair{"DELETE", "/admin/dlq/{id}"}}) {
    router.add(method, path, [this](http::Request& request) { return queries->forward(request); });
  }
  service.on_drain([this]() -> asio::awaitable<void> {
    queries->close_streams();
    co_return;
  });
  service.add_readiness("producers", [this] { return pool.available(); });
  pool.start();
}

http::Response ApiGateway::Impl::refuse(const IngestApi& api, const http::Request& request,
                                        const Refusal& refusal) const {
  rejected.add(refusal.reason);
  return api.refuse(request, refusal);
}

asio::awaitable<http::Response> ApiGateway::Impl::post_events(const IngestApi& api,
                                                              http::Request& request) {
  // Before the parse: while nobody takes events, answering costs next to nothing.
  if (!pool.available()) {
    co_return refuse(
        api, request,
        Refusal::unavailable("breaker_open", "no log producer is available", pool.retry_after()));
  }
  auto read = reader.read(api, request);
  if (const auto* refused = std::get_if<Refusal>(&read)) co_return refuse(api, request, *refused);
  auto& [records, claim] = std::get<ReadRequest>(read);
  if (!records.errors.empty()) {
    rejected.add("invalid", static_cast<double>(records.errors.size()));
  }
  if (records.count == 0) co_return api.answer(request, records, {});

  asio::steady_timer timer(service.io());
  timer.expires_after(config.request_timeout);
  auto travelling = std::make_shared<IngestRequest>(std::move(records.frames), records.count,
                                                    [&timer] { timer.cancel(); });
  if (!pool.offer(travelling)) {
    co_return refuse(api, request,
                     Refusal::unavailable("queue_full", "too much waits for a producer",
                                          std::chrono::seconds(1)));
  }
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  travelling->abandon();
  if (const auto refused = refusal_of(*travelling)) {
    if (refused->may_be_stored()) claim.keep();
    co_return refuse(api, request, *refused);
  }
  if (tally_of(records, travelling->outcomes()).may_be_stored()) claim.keep();
  co_return api.answer(request, records, travelling->outcomes());
}

std::optional<Refusal> ApiGateway::Impl::refusal_of(const IngestRequest& travelling) {
  using Stage = IngestRequest::Stage;
  switch (travelling.stage()) {
    case Stage::told:
      return std::nullopt;
    case Stage::failed:
      return Refusal::unavailable("unavailable", travelling.reason(), travelling.retry_after());
    case Stage::unknown:
      return Refusal::unknown(travelling.reason() + "; retrying with the same ids is safe");
    case Stage::queued:
      if (!travelling.may_be_stored()) {
        return Refusal::unavailable("unavailable", "no producer took it in time",
                                    std::chrono::seconds(1));
      }
      break;
    case Stage::in_flight:
      break;
  }
  return Refusal::unknown("no answer in time; retrying with the same ids is safe");
}

ApiGateway::ApiGateway(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiGateway::~ApiGateway() = default;

Result<std::unique_ptr<ApiGateway>> ApiGateway::create(ApiGatewayConfig config,
                                                       const Clock& clock) {
  if (auto good = AdminGuard::check_token(config.service.admin_token); !good) return good.error();
  const auto producers = parse_producers(config.producers);
  if (!producers.ok()) return producers.error();
  const auto queries = parse_base_url(config.queries, "queries");
  if (!queries.ok()) return queries.error();
  auto impl = std::make_unique<Impl>(std::move(config), clock);
  impl->install(*producers, *queries);
  return std::unique_ptr<ApiGateway>(new ApiGateway(std::move(impl)));
}

service::Service& ApiGateway::service() {
  return impl_->service;
}

}  // namespace stormlog::pipeline
