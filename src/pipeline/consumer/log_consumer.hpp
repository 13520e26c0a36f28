#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/options.hpp"
#include "common/base/result.hpp"
#include "common/kafka/consumer/consumer.hpp"
#include "common/service/service_config.hpp"
#include "pipeline/consumer/intake.hpp"
#include "pipeline/consumer/partition_rules.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::service {
class Service;
}

namespace stormlog::pipeline {

struct LogConsumerConfig {
  service::ServiceConfig service{"log-consumer", 8082};
  kafka::ConsumerConfig kafka;
  std::string instance_id = "auto";  // auto: host name and port; none: dynamic membership
  std::string postgres = "host=127.0.0.1 port=15432 dbname=stormlog user=stormlog";
  std::string redis = "redis://127.0.0.1:16379/0";
  std::string kafka_properties;  // "name=value,name=value"
  Intake::Limits batch;
  std::int64_t batch_rows = 2'000;
  std::uint64_t batch_bytes = 4 * 1024 * 1024;
  std::int64_t writers = 2;
  std::chrono::milliseconds postgres_connect_timeout{2'000};
  std::chrono::milliseconds postgres_timeout{5'000};
  std::chrono::milliseconds redis_timeout{500};
  std::chrono::milliseconds cache_ttl{60'000};
  std::uint64_t cache_bytes = 128'000'000;
  std::uint64_t spill_bytes = 256'000'000;
  std::int64_t drain_rate = 50'000;
  std::int64_t query_threads = 2;
  std::int64_t query_queue = 64;
  std::chrono::milliseconds query_timeout{5'000};
  PartitionRules partitions;
  std::int64_t partitions_ahead = 3;
  std::int64_t tail_readers = 32;
  std::int64_t tail_max_behind = 1'000'000;
  resilience::CircuitBreakerConfig breaker;  // of PostgreSQL and Redis alike

  LogConsumerConfig();
};

void add_log_consumer_options(OptionTable& options, LogConsumerConfig& config);

// The service that stores what is in Kafka and answers queries; see docs/pipeline-read-path.md.
//   GET /api/v1/logs, /api/v1/logs/tail, /api/v1/logs/{id}, /livez, /readyz, /metrics,
//   /admin/breakers
// It starts and stays up, and is ready, while Kafka, PostgreSQL or Redis are away.
//
// Threads:  run() on one thread; see Service.
// Lifetime: the clock must outlive it.
class LogConsumer {
 public:
  // Permanent error for an address that cannot be read.
  static Result<std::unique_ptr<LogConsumer>> create(LogConsumerConfig config,
                                                     const Clock& clock = SystemClock::instance());
  ~LogConsumer();
  LogConsumer(const LogConsumer&) = delete;
  LogConsumer& operator=(const LogConsumer&) = delete;

  service::Service& service();

 private:
  struct Impl;
  explicit LogConsumer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stormlog::pipeline
