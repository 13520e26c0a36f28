#include "pipeline/gateway/api_gateway.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/base/random.hpp"
#include "common/service/service.hpp"
#include "pipeline/admin/breakers.hpp"
#include "pipeline/gateway/upstream_pool.hpp"
#include "pipeline/ingest/ingest_answer.hpp"
#include "pipeline/ingest/ingest_reader.hpp"

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
        reader(clock, Random(Random::entropy_seed())),
        rejected(service.metrics()),
        breakers(clock),
        pool(service.io(), config.queue, service.metrics(), clock) {}

  std::shared_ptr<resilience::CircuitBreaker> add_breaker(
      const std::string& name, const resilience::CircuitBreakerConfig& breaker_config);
  void install(const std::vector<http::Url>& producers, const http::Url& queries);
  asio::awaitable<http::Response> post_logs(http::Request& request);
  http::Response answer(const ParsedRecords& records, const IngestRequest& request) const;

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
  router.add("POST", "/api/v1/logs", [this](http::Request& request) { return post_logs(request); });
  for (const char* path : {"/api/v1/logs", "/api/v1/logs/{id}"}) {
    router.add("GET", path, [this](http::Request& request) { return queries->forward(request); });
  }
  service.add_readiness("producers", [this] { return pool.available(); });
  pool.start();
}

asio::awaitable<http::Response> ApiGateway::Impl::post_logs(http::Request& request) {
  // Before the parse: while nobody takes events, answering costs next to nothing.
  if (!pool.available()) {
    rejected.add("breaker_open");
    co_return unavailable("no log producer is available", pool.retry_after());
  }
  auto read = reader.read(request);
  if (auto* refused = std::get_if<IngestReader::Refusal>(&read)) {
    rejected.add(refused->reason);
    co_return std::move(refused->response);
  }
  ParsedRecords records = std::move(std::get<ParsedRecords>(read));
  if (!records.errors.empty()) {
    rejected.add("invalid", static_cast<double>(records.errors.size()));
  }
  if (records.count == 0) co_return ingest_answer(records, {});

  asio::steady_timer timer(service.io());
  timer.expires_after(config.request_timeout);
  auto travelling = std::make_shared<IngestRequest>(std::move(records.frames), records.count,
                                                    [&timer] { timer.cancel(); });
  if (!pool.offer(travelling)) {
    rejected.add("queue_full");
    co_return unavailable("too much waits for a producer", std::chrono::seconds(1));
  }
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  travelling->abandon();
  co_return answer(records, *travelling);
}

http::Response ApiGateway::Impl::answer(const ParsedRecords& records,
                                        const IngestRequest& request) const {
  using Stage = IngestRequest::Stage;
  switch (request.stage()) {
    case Stage::told:
      return ingest_answer(records, request.outcomes());
    case Stage::failed:
      rejected.add("unavailable");
      return unavailable(request.reason(), request.retry_after());
    case Stage::unknown:
      rejected.add("unknown");
      return outcome_unknown(request.reason() + "; retrying with the same ids is safe");
    case Stage::queued:
      if (!request.may_be_stored()) {
        rejected.add("unavailable");
        return unavailable("no producer took it in time", std::chrono::seconds(1));
      }
      break;
    case Stage::in_flight:
      break;
  }
  rejected.add("unknown");
  return outcome_unknown("no answer in time; retrying with the same ids is safe");
}

ApiGateway::ApiGateway(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiGateway::~ApiGateway() = default;

Result<std::unique_ptr<ApiGateway>> ApiGateway::create(ApiGatewayConfig config,
                                                       const Clock& clock) {
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
