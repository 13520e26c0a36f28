#include "pipeline/consumer/log_consumer.hpp"

#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/base/random.hpp"
#include "common/service/service.hpp"
#include "pipeline/admin/breakers.hpp"
#include "pipeline/auth/access_control.hpp"
#include "pipeline/consumer/cache_writer.hpp"
#include "pipeline/consumer/consumer_metrics.hpp"
#include "pipeline/consumer/dlq_admin.hpp"
#include "pipeline/consumer/dlq_relay.hpp"
#include "pipeline/consumer/ingest.hpp"
#include "pipeline/consumer/ingest_core.hpp"
#include "pipeline/consumer/lag_monitor.hpp"
#include "pipeline/consumer/partition_keeper.hpp"
#include "pipeline/consumer/postgres_store.hpp"
#include "pipeline/consumer/read_api.hpp"
#include "pipeline/consumer/redis_spill_log.hpp"
#include "pipeline/consumer/tail_hub.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

std::string host_and_port(const std::string& listen) {
  char host[256] = "localhost";
  if (::gethostname(host, sizeof host - 1) != 0)
    return "localhost" + listen.substr(listen.rfind(':'));
  return std::string(host) + listen.substr(std::min(listen.rfind(':'), listen.size()));
}

postgres::ConnectOptions connect_options(const LogConsumerConfig& config, const char* part,
                                         std::chrono::milliseconds limit) {
  postgres::ConnectOptions options;
  options.conninfo = config.postgres;
  options.application_name = std::string("log-consumer ") + part;
  options.connect_timeout = config.postgres_connect_timeout;
  // The server's limit first: an answer that says why is better than a cut connection.
  options.statement_timeout = limit;
  options.answer_timeout = limit + 500ms;
  return options;
}

std::shared_ptr<resilience::CircuitBreaker> make_breaker(const char* name,
                                                         const LogConsumerConfig& config,
                                                         const Clock& clock) {
  return std::make_shared<resilience::CircuitBreaker>(name, config.breaker, clock,
                                                      Random(Random::entropy_seed()));
}

}  // namespace

struct LogConsumer::Impl {
  Impl(LogConsumerConfig c, redis::Url redis_url, std::unique_ptr<AccessControl> control,
       const Clock& clock)
      : config(std::move(c)),
        access(std::move(control)),
        service(config.service),
        metrics(service.metrics()),
        registry(clock),
        postgres_breaker(make_breaker("postgresql", config, clock)),
        read_breaker(make_breaker("postgresql-read", config, clock)),
        redis_breaker(make_breaker("redis", config, clock)),
        redis(std::move(redis_url)),
        stores(make_stores(clock)),
        keeper(connect_options(config, "partitions", config.postgres_timeout), config.partitions,
               postgres_breaker, service.metrics(), clock),
        cache({redis, redis_options(), config.cache_ttl, config.cache_bytes}, redis_breaker,
              metrics, clock),
        dlq({connect_options(config, "dlq", config.postgres_timeout), redis, redis_options(),
             config.kafka.topic},
            postgres_breaker, redis_breaker, metrics, clock),
        pool({connect_options(config, "query", config.query_timeout), redis, redis_options(),
              static_cast<int>(config.query_threads),
              static_cast<std::size_t>(config.query_queue)}),
        reads({postgres_breaker, read_breaker, redis_breaker},
              {config.cache_ttl, config.query_timeout}, metrics, clock),
        // A thread of its own: readers of the tail must not hold up queries.
        tail_pool({connect_options(config, "tail", config.query_timeout), redis, redis_options(), 1,
                   static_cast<std::size_t>(config.tail_readers) + 1}),
        tail(tail_config(), tail_pool),
        letter_sender(replay_producer()),
        admin_pool({connect_options(config, "admin", config.query_timeout), redis, redis_options(),
                    2, 16}),
        dlq_admin(config.kafka.topic, admin_pool, letter_sender, redis_breaker, metrics, clock),
        lag(board, service.metrics(), clock),
        spill(redis, redis_options(), config.kafka.topic),
        core({config.batch, config.drain_rate}, pointers_to_stores(), spill, config.spill_bytes,
             postgres_breaker, redis_breaker, metrics, clock, hooks(),
             std::make_unique<ThreadFlushRunner>(stores.size())),
        ingest(config.kafka, core, board, metrics, clock) {
    for (const auto& breaker : {postgres_breaker, read_breaker, redis_breaker}) {
      registry.add(breaker);
    }
    access->install(service);
    registry.install(service);
    dlq_admin.install(service);
    tail.install(service);
    install_read_api(service, pool, reads);
    service.add_readiness("ingest", [this] { return !ingest.finished(); });
    service.on_drain([this] { return drain(); });
    ingest.start();
  }

  redis::ConnectOptions redis_options() const {
    return {config.redis_timeout, config.redis_timeout};
  }

  std::vector<std::unique_ptr<PostgresStore>> make_stores(const Clock& clock) const {
    std::vector<std::unique_ptr<PostgresStore>> made;
    for (std::int64_t i = 0; i < config.writers; ++i) {
      made.push_back(std::make_unique<PostgresStore>(
          PostgresStoreConfig{connect_options(config, "ingest", config.postgres_timeout),
                              config.kafka.group, config.kafka.topic, config.partitions, &clock}));
    }
    return made;
  }
  std::vector<LogStore*> pointers_to_stores() const {
    std::vector<LogStore*> all;
    for (const auto& store : stores) all.push_back(store.get());
    return all;
  }

  kafka::ProducerConfig replay_producer() const {
    kafka::ProducerConfig made;
    made.brokers = config.kafka.brokers;
    made.topic = config.kafka.topic;
    made.client_id = config.kafka.client_id + "-replay";
    made.far_connections = 0;  // people wait for it, and few
    return made;
  }
  TailConfig tail_config() const {
    TailConfig made;
    made.group = config.kafka.group;
    made.topic = config.kafka.topic;
    made.limits.max_behind = config.tail_max_behind;
    made.readers = config.tail_readers;
    return made;
  }
  // Spilled rows are cached, too: by id they are found before PostgreSQL has them.
  IngestCore::Hooks hooks() {
    return {.on_stored = [this](std::vector<LogRow>&& rows) { cache.offer(std::move(rows)); },
            .on_spilled = [this](std::vector<LogRow>&& rows) { cache.offer(std::move(rows)); },
            .on_dead_letters = [this] { dlq.wake(); },
            .on_positions = [this] { ingest.publish(); }};
  }

  // Stops the ingest while queries are still answered.
  boost::asio::awaitable<void> drain() {
    ingest.request_stop();
    boost::asio::steady_timer timer(service.io());
    while (!ingest.finished()) {
      boost::system::error_code ignored;
      timer.expires_after(10ms);
      co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
  }

  // In the order of their making; each uses only what stands above it.
  LogConsumerConfig config;
  std::unique_ptr<AccessControl> access;
  service::Service service;
  ConsumerMetrics metrics;
  BreakerRegistry registry;
  std::shared_ptr<resilience::CircuitBreaker> postgres_breaker;
  std::shared_ptr<resilience::CircuitBreaker> read_breaker;
  std::shared_ptr<resilience::CircuitBreaker> redis_breaker;
  redis::Url redis;
  PositionBoard board;
  std::vector<std::unique_ptr<PostgresStore>> stores;
  PartitionKeeper keeper;
  CacheWriter cache;
  DlqRelay dlq;
  QueryPool pool;
  ReadService reads;
  QueryPool tail_pool;
  TailHub tail;
  KafkaLetterSender letter_sender;
  QueryPool admin_pool;
  DlqAdmin dlq_admin;
  LagMonitor lag;
  RedisSpillLog spill;
  IngestCore core;
  Ingest ingest;
};

Result<std::unique_ptr<LogConsumer>> LogConsumer::create(LogConsumerConfig config,
                                                         const Clock& clock) {
  auto access = AccessControl::create(config.service, clock);
  if (!access.ok()) return access.error();
  Result<redis::Url> redis = redis::Url::parse(config.redis);
  if (!redis) return redis.error().in("--redis");
  config.partitions.ahead = static_cast<int>(config.partitions_ahead);
  if (Result<void> good = config.partitions.check(); !good) return good.error();
  const auto writers = static_cast<std::size_t>(config.writers);
  config.batch.max_rows = static_cast<std::size_t>(config.batch_rows) * writers;
  config.batch.max_bytes = static_cast<std::size_t>(config.batch_bytes) * writers;
  config.kafka.heartbeat = config.kafka.session_timeout / 6;
  if (config.instance_id == "auto") {
    config.kafka.instance_id = config.kafka.client_id + "-" + host_and_port(config.service.listen);
  } else if (config.instance_id != "none") {
    config.kafka.instance_id = config.instance_id;
  }
  for (char& c : config.kafka.instance_id) {
    if (c == ':') c = '-';
  }
  std::size_t begin = 0;
  while (begin < config.kafka_properties.size()) {
    const std::size_t end =
        std::min(config.kafka_properties.find(',', begin), config.kafka_properties.size());
    const std::string one = config.kafka_properties.substr(begin, end - begin);
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos) {
      return Error::permanent("--kafka-properties: \"" + one + "\": write it name=value");
    }
    config.kafka.extra.emplace_back(one.substr(0, equals), one.substr(equals + 1));
    begin = end + 1;
  }
  return std::unique_ptr<LogConsumer>(new LogConsumer(
      std::make_unique<Impl>(std::move(config), std::move(*redis), std::move(*access), clock)));
}

LogConsumer::LogConsumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogConsumer::~LogConsumer() = default;

service::Service& LogConsumer::service() {
  return impl_->service;
}

}  // namespace stormlog::pipeline
