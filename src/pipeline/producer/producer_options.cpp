#include "common/base/units.hpp"
#include "pipeline/producer/log_producer.hpp"

namespace stormlog::pipeline {

using std::chrono::hours;
using std::chrono::milliseconds;

LogProducerConfig::LogProducerConfig() {
  publisher.kafka.brokers = "127.0.0.1:9092";
  publisher.kafka.topic = "logs";
  publisher.kafka.client_id = "log-producer";
  // A batch of the gateway is as large as several requests.
  service.limits.max_body_bytes = 32ULL * 1024 * 1024;
}

void add_log_producer_options(OptionTable& options, LogProducerConfig& config) {
  service::add_service_options(options, config.service);
  add_ingest_options(options, config.ingest);
  PublisherConfig& publisher = config.publisher;
  kafka::ProducerConfig& kafka = publisher.kafka;
  resilience::CircuitBreakerConfig& breaker = config.breaker;
  options.add("kafka-brokers", &kafka.brokers, "HOST:PORT,…", "Kafka's bootstrap servers.");
  options.add("topic", &kafka.topic, "TEXT", "Topic that events are published to.");
  options.add("linger", &config.linger, {milliseconds(0), milliseconds(1'000)},
              "Waits this long for more records before a request to Kafka is sent. Raising it "
              "makes larger requests and costs as much latency.");
  options.add_choice("compression", &kafka.compression, {"none", "gzip", "snappy", "lz4", "zstd"},
                     "Compression of the records on their way to Kafka and in it.");
  options.add(
      "far-connections", &kafka.far_connections, {0, 64},
      "While Kafka takes long to answer, records leave over so many connections more, which "
      "take turns: a record waits for a turn and not for a round trip. 0 uses one connection "
      "alone.");
  options.add("kafka-message-timeout", &kafka.message_timeout, {milliseconds(1'000), hours(24)},
              "A record that Kafka has not taken by then is given up. Keep it well above "
              "request-timeout: giving up leaves a gap that librdkafka must recover from.");
  options.add("kafka-socket-timeout", &kafka.socket_timeout,
              {milliseconds(10), milliseconds(300'000)},
              "A request to Kafka without an answer for this long breaks the connection.");
  options.add("kafka-properties", &config.kafka_properties, "NAME=VALUE,…",
              "More of librdkafka's properties; they win over all else.");
  options.add_bytes("queue-bytes", &publisher.queue_bytes, {64 * 1024, 16ULL << 30},
                    "Keys and values that may wait for Kafka's acknowledgement; beyond it requests "
                    "are answered 503. Raising it rides out longer stalls and takes as much "
                    "memory.");
  options.add("request-timeout", &publisher.request_timeout, {milliseconds(10), hours(1)},
              "A request that Kafka has not acknowledged by then is answered 504.");
  options.add("stall", &publisher.stall, {milliseconds(10), hours(1)},
              "The breaker opens when the oldest record has waited for this long.");
  options.add("breaker-slow-call", &breaker.slow_call, {milliseconds(1), hours(1)},
              "A request that takes Kafka longer than this counts as slow.");
  options.add("breaker-open-wait", &breaker.open_wait, {milliseconds(1), hours(1)},
              "First stay of the breaker in open; it grows by half with each that follows.");
  options.add("breaker-open-wait-max", &breaker.open_wait_max, {milliseconds(1), hours(1)},
              "Longest stay of the breaker in open.");
}

}  // namespace stormlog::pipeline
