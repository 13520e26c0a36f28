#include "pipeline/producer/log_producer.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/base/random.hpp"
#include "common/service/service.hpp"
#include "pipeline/admin/breakers.hpp"
#include "pipeline/auth/access_control.hpp"
#include "pipeline/ingest/apis.hpp"
#include "pipeline/ingest/denied.hpp"
#include "pipeline/ingest/ingest_reader.hpp"
#include "pipeline/ingest/ingest_tally.hpp"
#include "pipeline/ingest/rejected_counter.hpp"

namespace stormlog::pipeline {
namespace {

using resilience::BreakerState;
using std::chrono::milliseconds;

constexpr milliseconds kTick{25};

Result<std::vector<std::pair<std::string, std::string>>> parse_properties(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> properties;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, end - at);
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error::permanent("kafka-properties: \"" + item +
                              "\" is not a property; write name=value,name=value");
    }
    properties.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    at = end + 1;
  }
  return properties;
}

Refusal refusal_of(const PublishResult& result) {
  if (result.status == PublishResult::Status::queue_full) {
    return Refusal::unavailable("queue_full", "too much waits for Kafka's acknowledgement",
                                result.retry_after);
  }
  return Refusal::unavailable("breaker_open", "Kafka is not available", result.retry_after);
}

}  // namespace

struct LogProducer::Impl {
  Impl(LogProducerConfig producer_config, std::unique_ptr<AccessControl> control,
       const Clock& producer_clock)
      : config(std::move(producer_config)),
        clock(producer_clock),
        access(std::move(control)),
        service(config.service),
        breaker(std::make_shared<resilience::CircuitBreaker>("kafka", config.breaker, clock,
                                                             Random(Random::entropy_seed()))),
        reader(clock, Random(Random::entropy_seed()), config.ingest,
               config.service.limits.max_body_bytes),
        rejected(service.metrics()),
        breakers(clock) {}

  void install();
  asio::awaitable<http::Response> post_events(const IngestApi& api, http::Request& request);
  asio::awaitable<http::Response> post_batch(http::Request& request);
  http::Response refuse(const IngestApi& api, const http::Request& request,
                        const Refusal& refusal) const;
  asio::awaitable<void> tick();

  LogProducerConfig config;
  const Clock& clock;
  std::unique_ptr<AccessControl> access;
  service::Service service;
  std::shared_ptr<resilience::CircuitBreaker> breaker;
  IngestReader reader;
  RejectedCounter rejected;
  BreakerRegistry breakers;
  std::unique_ptr<Publisher> publisher;
};

http::Response LogProducer::Impl::refuse(const IngestApi& api, const http::Request& request,
                                         const Refusal& refusal) const {
  rejected.add(refusal.reason);
  return api.refuse(request, refusal);
}

asio::awaitable<http::Response> LogProducer::Impl::post_events(const IngestApi& api,
                                                               http::Request& request) {
  if (auto denied = access->charge(request, 0)) {
    co_return refuse(api, request, refusal_from(*std::move(denied)));
  }
  auto read = reader.read(api, request);
  if (const auto* refused = std::get_if<Refusal>(&read)) co_return refuse(api, request, *refused);
  auto& [records, claim] = std::get<ReadRequest>(read);
  if (!records.errors.empty()) {
    rejected.add("invalid", static_cast<double>(records.errors.size()));
  }
  if (auto denied = access->charge(request, records.count)) {
    co_return refuse(api, request, refusal_from(*std::move(denied)));
  }
  const auto events = decode_frames(records.frames, records.count);
  // Our own frames: they always decode.
  PublishResult result = co_await publisher->publish(events.value());
  if (result.status != PublishResult::Status::told) {
    co_return refuse(api, request, refusal_of(result));
  }
  if (tally_of(records, result.outcomes).may_be_stored()) claim.keep();
  co_return api.answer(request, records, result.outcomes);
}

asio::awaitable<http::Response> LogProducer::Impl::post_batch(http::Request& request) {
  if (request.media_type() != kBatchType) {
    rejected.add("media_type");
    co_return http::problem(415, "send " + std::string(kBatchType));
  }
  const auto events = decode_batch(request.body);
  if (!events.ok()) {
    rejected.add("malformed");
    co_return http::problem(400, events.error().message);
  }
  PublishResult result = co_await publisher->publish(*events);
  if (result.status != PublishResult::Status::told) {
    // The gateway reads problem+json.
    co_return refuse(events_api(), request, refusal_of(result));
  }
  http::Response response;
  response.headers.set("Content-Type", std::string(kResultsType));
  response.body = encode_results(result.outcomes);
  co_return response;
}

asio::awaitable<void> LogProducer::Impl::tick() {
  asio::steady_timer timer(service.io());
  for (;;) {
    publisher->tick();
    timer.expires_after(kTick);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void LogProducer::Impl::install() {
  access->install(service, {.tell = [this](const http::Request& request, const Denial& denial) {
                    return tell_denial(rejected, request, denial);
                  }});
  http::Router& router = service.router();
  for (const IngestApi* api : ingest_apis()) {
    router.add("POST", std::string(api->path()),
               [this, api](http::Request& request) { return post_events(*api, request); });
  }
  router.add("POST", "/internal/v1/batch",
             [this](http::Request& request) { return post_batch(request); });
  service.add_readiness("kafka", [this] {
    const BreakerState state = breaker->state();
    return state != BreakerState::open && state != BreakerState::forced_open;
  });
  service.on_drained([this] { return publisher->drained(); });
  asio::co_spawn(service.io(), tick(), asio::detached);
}

LogProducer::LogProducer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogProducer::~LogProducer() = default;

Result<std::unique_ptr<LogProducer>> LogProducer::create(LogProducerConfig config,
                                                         const Clock& clock) {
  auto access = AccessControl::create(config.service, clock);
  if (!access.ok()) return access.error();
  auto properties = parse_properties(config.kafka_properties);
  if (!properties.ok()) return properties.error();
  kafka::ProducerConfig& kafka = config.publisher.kafka;
  kafka.properties.insert(kafka.properties.end(), properties->begin(), properties->end());
  if (config.linger.count() > 0) kafka.linger = config.linger;
  auto impl = std::make_unique<Impl>(std::move(config), *std::move(access), clock);
  impl->breakers.add(impl->breaker);
  impl->breakers.install(impl->service);
  auto publisher = Publisher::create(impl->service.io(), impl->config.publisher, impl->breaker,
                                     impl->service.metrics(), clock);
  if (!publisher.ok()) return publisher.error();
  impl->publisher = std::move(*publisher);
  impl->install();
  return std::unique_ptr<LogProducer>(new LogProducer(std::move(impl)));
}

service::Service& LogProducer::service() {
  return impl_->service;
}
Publisher& LogProducer::publisher() {
  return *impl_->publisher;
}
resilience::CircuitBreaker& LogProducer::breaker() {
  return *impl_->breaker;
}

}  // namespace stormlog::pipeline
