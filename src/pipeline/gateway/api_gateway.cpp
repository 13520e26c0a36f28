#include "pipeline/gateway/api_gateway.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/base/random.hpp"
#include "common/http/tls_identity.hpp"
#include "common/service/service.hpp"
#include "pipeline/admin/breakers.hpp"
#include "pipeline/auth/access_control.hpp"
#include "pipeline/auth/audit.hpp"
#include "pipeline/gateway/openapi.hpp"
#include "pipeline/gateway/upstream_pool.hpp"
#include "pipeline/ingest/denied.hpp"
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

constexpr const char* kLetters = "/admin/dlq";
constexpr const char* kLetter = "/admin/dlq/{id}";
constexpr const char* kReplay = "/admin/dlq/replay";

std::string producer_name(std::size_t index, std::size_t count) {
  return count == 1 ? "log-producer" : "log-producer-" + std::to_string(index + 1);
}

}  // namespace

struct ApiGateway::Impl {
  Impl(ApiGatewayConfig gateway_config, std::unique_ptr<AccessControl> control,
       const Clock& gateway_clock)
      : config(std::move(gateway_config)),
        clock(gateway_clock),
        access(std::move(control)),
        service(config.service),
        reader(clock, Random(Random::entropy_seed()), config.ingest,
               config.service.limits.max_body_bytes),
        rejected(service.metrics()),
        breakers(clock),
        pool(service.io(), config.queue, service.metrics(), clock) {}

  std::shared_ptr<resilience::CircuitBreaker> add_breaker(
      const std::string& name, const resilience::CircuitBreakerConfig& breaker_config);
  void install(const std::vector<http::Url>& producers, const http::Url& queries);
  void install_access();
  asio::awaitable<http::Response> post_events(const IngestApi& api, http::Request& request);
  asio::awaitable<http::Response> change_letters(http::Request& request);
  http::Response refuse(const IngestApi& api, const http::Request& request,
                        const Refusal& refusal) const;
  // Why none of its events has an outcome of its own; empty where they have.
  static std::optional<Refusal> refusal_of(const IngestRequest& travelling);

  ApiGatewayConfig config;
  const Clock& clock;
  std::unique_ptr<AccessControl> access;
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
  install_access();
  config.upstream.token = config.upstream_token;
  config.query.token = config.upstream_token;
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
  for (const char* path : {kLetters, kLetter}) {
    router.add("GET", path, [this](http::Request& request) { return queries->forward(request); });
  }
  router.add("POST", kReplay, [this](http::Request& request) { return change_letters(request); });
  router.add("DELETE", kLetter, [this](http::Request& request) { return change_letters(request); });
  service.on_drain([this]() -> asio::awaitable<void> {
    queries->close_streams();
    co_return;
  });
  service.add_readiness("producers", [this] { return pool.available(); });
  pool.start();
}

void ApiGateway::Impl::install_access() {
  AccessControl::Ways ways;
  ways.tell = [this](const http::Request& request, const Denial& denial) {
    return tell_denial(rejected, request, denial);
  };
  // Without a token of our own the consumer sees the client's and asks for it. With one it would
  // let everybody do what we may.
  if (config.upstream_token.empty()) ways.passed_on = {kReplay, kLetter};
  access->install(service, std::move(ways));
}

asio::awaitable<http::Response> ApiGateway::Impl::change_letters(http::Request& request) {
  http::Response response = co_await queries->forward(request);
  // The consumer's own line names the gateway where it has a token.
  if (!request.token_name.empty()) {
    audit(request, request.method, request.path(), std::to_string(response.status));
  }
  co_return response;
}

http::Response ApiGateway::Impl::refuse(const IngestApi& api, const http::Request& request,
                                        const Refusal& refusal) const {
  rejected.add(refusal.reason);
  return api.refuse(request, refusal);
}

asio::awaitable<http::Response> ApiGateway::Impl::post_events(const IngestApi& api,
                                                              http::Request& request) {
  if (auto denied = access->charge(request, 0)) {
    co_return refuse(api, request, refusal_from(*std::move(denied)));
  }
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
  if (auto denied = access->charge(request, records.count)) {
    co_return refuse(api, request, refusal_from(*std::move(denied)));
  }

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
  pool.answered(*travelling);
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
  if (auto tls = http::check_tls(config.service.tls); !tls.ok()) return tls.error();
  auto access = AccessControl::create(config.service, clock);
  if (!access.ok()) return access.error();
  const auto producers = parse_producers(config.producers);
  if (!producers.ok()) return producers.error();
  const auto queries = parse_base_url(config.queries, "queries");
  if (!queries.ok()) return queries.error();
  auto impl = std::make_unique<Impl>(std::move(config), *std::move(access), clock);
  impl->install(*producers, *queries);
  return std::unique_ptr<ApiGateway>(new ApiGateway(std::move(impl)));
}

service::Service& ApiGateway::service() {
  return impl_->service;
}

}  // namespace stormlog::pipeline
