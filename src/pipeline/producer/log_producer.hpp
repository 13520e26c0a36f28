#pragma once

#include <memory>

#include "common/base/options.hpp"
#include "common/base/result.hpp"
#include "common/service/service_config.hpp"
#include "pipeline/ingest/ingest_config.hpp"
#include "pipeline/producer/publisher.hpp"

namespace stormlog::service {
class Service;
}

namespace stormlog::pipeline {

struct LogProducerConfig {
  service::ServiceConfig service{"log-producer", 8081};
  IngestConfig ingest;
  PublisherConfig publisher;
  resilience::CircuitBreakerConfig breaker = kafka_breaker_config();
  std::string kafka_properties;  // "name=value,name=value"
  std::chrono::milliseconds linger{0};

  LogProducerConfig();
};

void add_log_producer_options(OptionTable& options, LogProducerConfig& config);

// The service that publishes to Kafka:
//   POST each of ingest_apis(), as at the gateway
//   POST /internal/v1/batch  a batch from the gateway, see batch_codec.hpp; answered with one
//                            outcome for each event, or 503 when nothing of it was taken
// and /livez, /readyz (not ready while the breaker "kafka" is open), /metrics, /admin/breakers.
//
// Threads:  run() on one thread; see Service.
// Lifetime: what the clock is must outlive it.
class LogProducer {
 public:
  // Permanent error for a property that librdkafka refuses.
  static Result<std::unique_ptr<LogProducer>> create(LogProducerConfig config,
                                                     const Clock& clock = SystemClock::instance());
  ~LogProducer();
  LogProducer(const LogProducer&) = delete;
  LogProducer& operator=(const LogProducer&) = delete;

  service::Service& service();
  Publisher& publisher();
  resilience::CircuitBreaker& breaker();

 private:
  struct Impl;
  explicit LogProducer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stormlog::pipeline
