#include "pipeline/consumer/log_consumer.hpp"

namespace stormlog::pipeline {

using std::chrono::hours;
using std::chrono::milliseconds;

LogConsumerConfig::LogConsumerConfig() {
  kafka.brokers = "127.0.0.1:9092";
  kafka.topic = "logs";
  kafka.group = "stormlog";
  kafka.client_id = "log-consumer";
  // A store that is gone refuses at once: three in a row open. One that answers now and then opens
  // by its rate. One good trial closes, because the trial itself reads and writes.
  breaker.window_size = 20;
  breaker.minimum_calls = 6;
  breaker.consecutive_failures = 3;
  breaker.half_open_permits = 1;
  breaker.open_wait = milliseconds(200);
  breaker.open_wait_max = milliseconds(1'000);
  breaker.open_wait_factor = 1.5;
  breaker.open_wait_jitter = 0.2;
}

void add_log_consumer_options(OptionTable& options, LogConsumerConfig& config) {
  service::add_service_options(options, config.service);
  options.add("kafka-brokers", &config.kafka.brokers, "HOST:PORT,…", "Kafka's bootstrap servers.");
  options.add("topic", &config.kafka.topic, "TEXT", "Topic that events are read from.");
  options.add("group", &config.kafka.group, "TEXT",
              "Consumer group. Its offsets are kept in PostgreSQL: another group stores nothing "
              "twice, it only reads everything again.");
  options.add("group-instance-id", &config.instance_id, "TEXT",
              "Static membership: a restarted consumer gets its partitions back at once. auto: "
              "host name and port; none: off. Two with the same one fence each other.");
  options.add("session-timeout", &config.kafka.session_timeout,
              {milliseconds(1'000), milliseconds(300'000)},
              "Kafka gives the partitions of a consumer that is silent for this long to others. "
              "Raising it rides out longer pauses and makes the loss of a consumer cost more.");
  options.add("kafka-properties", &config.kafka_properties, "NAME=VALUE,…",
              "More of librdkafka's properties; they win over all else.");
  options.add("postgres", &config.postgres, "CONNINFO",
              "PostgreSQL, in libpq's words. Keep passwords in a passfile.");
  options.add("postgres-connect-timeout", &config.postgres_connect_timeout,
              {milliseconds(10), milliseconds(60'000)}, "Limit on connecting to PostgreSQL.");
  options.add("postgres-timeout", &config.postgres_timeout,
              {milliseconds(50), milliseconds(120'000)},
              "Limit on one statement of the ingest; beyond it PostgreSQL counts as away.");
  options
      .add("redis", &config.redis, "URL",
           "Redis, for the cache, the dead letters, and what is spilled.")
      .secret = true;
  options.add("redis-timeout", &config.redis_timeout, {milliseconds(10), milliseconds(60'000)},
              "Limit on connecting to Redis and on each of its answers.");
  options.add(
      "batch-rows", &config.batch_rows, {1, 100'000},
      "A flush is due when there are so many for each idle one of --writers. Raising it makes "
      "fewer, longer transactions.");
  options.add_bytes("batch-bytes", &config.batch_bytes, {1'024, 256ULL << 20},
                    "A flush is due when there is so much for each idle one of --writers.");
  options.add("writers", &config.writers, {1, 16},
              "Connections to PostgreSQL that store at the same time, each the batches of "
              "partitions of its own.");
  options.add("batch-linger", &config.batch.linger, {milliseconds(0), milliseconds(60'000)},
              "A flush is due when a record has waited for this long.");
  options.add("cache-ttl", &config.cache_ttl, {milliseconds(100), hours(24)},
              "Events stay in Redis for this long after they were stored.");
  options.add_bytes("cache-bytes", &config.cache_bytes, {0, 1ULL << 40},
                    "Most that the cache may take in Redis, about; what comes beyond is not "
                    "cached. 0 switches the cache off. Leave room for the dead letters.");
  options.add_bytes("spill-bytes", &config.spill_bytes, {0, 1ULL << 40},
                    "While PostgreSQL is away records go to Redis, at most so much of it for the "
                    "partitions of this instance; beyond it Kafka keeps them. 0 switches it off. "
                    "Leave room for the cache and the dead letters.");
  options.add("drain-rate", &config.drain_rate, {1, 10'000'000},
              "Records per second that go from Redis to PostgreSQL when it is back. Raising it "
              "shortens the recovery and leaves less of PostgreSQL for queries meanwhile.");
  options.add("partition-interval", &config.partitions.interval, {hours(1), hours(31 * 24)},
              "Time of the ids that share a partition of the table logs; whole hours. Changing it "
              "leaves the partitions that are there as they are.");
  options.add("partitions-ahead", &config.partitions_ahead, {1, 100},
              "Partitions that are there before their time comes.");
  options.add("partition-late", &config.partitions.late, {milliseconds(0), hours(24 * 366)},
              "Ids that are older get no partition made; their rows go to logs_default.");
  options.add(
      "retention", &config.partitions.retention, {milliseconds(0), hours(24 * 36'600)},
      "Events older than this, by the time in their id, are dropped, a partition at a time. "
      "0 keeps everything.");
  options.add("query-threads", &config.query_threads, {1, 64},
              "Queries at once; each has a connection to PostgreSQL of its own.");
  options.add("query-queue", &config.query_queue, {1, 100'000},
              "Queries that may wait; beyond it they are answered 503.");
  options.add("query-timeout", &config.query_timeout, {milliseconds(10), milliseconds(120'000)},
              "Limit on one query; beyond it it is answered 504.");
  options.add("tail-readers", &config.tail_readers, {0, 10'000},
              "Readers of the tail at once; one more is answered 503. Each may hold 2 MB.");
  options.add("tail-max-behind", &config.tail_max_behind, {1, 1'000'000'000'000},
              "A reader of the tail that is more records behind is moved to the end, and told so.");
  options.add("breaker-open-wait", &config.breaker.open_wait, {milliseconds(1), hours(1)},
              "First stay of a breaker in open; it grows by half with each that follows.");
  options.add("breaker-open-wait-max", &config.breaker.open_wait_max, {milliseconds(1), hours(1)},
              "Longest stay of a breaker in open.");
}

}  // namespace stormlog::pipeline
