#include "pipeline/consumer/consumer_metrics.hpp"

namespace stormlog::pipeline {
namespace {

telemetry::Counter rows(telemetry::Metrics& metrics, const char* result) {
  return metrics.counter("pg_rows_total", "Records by what PostgreSQL made of them",
                         {{"result", result}});
}

telemetry::HistogramMetric redis_op(telemetry::Metrics& metrics, const char* op) {
  return metrics.histogram("redis_op_seconds", "Time of one round trip to Redis", {{"op", op}});
}

telemetry::Counter writes(telemetry::Metrics& metrics, const char* result) {
  return metrics.counter("cache_writes_total", "Events on their way to the cache",
                         {{"result", result}});
}

telemetry::Gauge mode(telemetry::Metrics& metrics, const char* mode) {
  return metrics.gauge("consumer_mode",
                       "1 for the mode that holds: normal; cache_only: what is read goes to Redis; "
                       "paused: Kafka keeps it; draining: from Redis to PostgreSQL",
                       {{"mode", mode}});
}

telemetry::Counter refused(telemetry::Metrics& metrics, const char* reason) {
  return metrics.counter("consumer_spill_refused_total",
                         "Records that Redis did not take; Kafka keeps them", {{"reason", reason}});
}

}  // namespace

ConsumerMetrics::ConsumerMetrics(telemetry::Metrics& m)
    : processed(m.counter("log_events_processed",
                          "Records done with: stored, known already, or dead letters")),
      inserted(rows(m, "inserted")),
      duplicate(rows(m, "duplicate")),
      failed(rows(m, "failed")),
      flush_seconds(m.histogram("pg_flush_seconds", "Time of one flush to PostgreSQL")),
      end_to_end_seconds(m.histogram("event_e2e_seconds",
                                     "From an event's receipt at the edge until it is stored")),
      rebalances(m.counter("rebalances_total", "Changes of the assigned partitions")),
      fenced(m.counter("consumer_fenced_total",
                       "Batches rolled back because another consumer had moved the offset")),
      reread_gaps(m.counter("consumer_gaps_total", "Gaps in the offsets that were read again")),
      missing(m.counter("consumer_missing_records_total",
                        "Records that Kafka had deleted before they were stored")),
      offset_resets(m.counter("consumer_offset_resets_total",
                              "Partitions found shorter than what was stored of them")),
      client_rebuilds(m.counter("kafka_client_rebuilds_total", "Kafka clients made anew")),
      mode_normal(mode(m, "normal")),
      mode_cache_only(mode(m, "cache_only")),
      mode_paused(mode(m, "paused")),
      mode_draining(mode(m, "draining")),
      spilled(m.counter("consumer_spilled_total", "Records appended to Redis in cache-only mode")),
      spilled_bytes(m.counter("consumer_spilled_bytes_total", "Payload of those records")),
      spill_refused_full(refused(m, "full")),
      spill_refused_redis(refused(m, "redis")),
      spill_drained(
          m.counter("consumer_spill_drained_total", "Records moved on from Redis to PostgreSQL")),
      spill_backlog_records(m.gauge("consumer_spill_backlog_records",
                                    "Records in Redis, of this instance's partitions")),
      spill_backlog_bytes(m.gauge("consumer_spill_backlog_bytes", "What they take in Redis")),
      redis_spill_append_seconds(redis_op(m, "spill_append")),
      redis_spill_read_seconds(redis_op(m, "spill_read")),
      redis_set_seconds(redis_op(m, "cache_set")),
      redis_get_seconds(redis_op(m, "cache_get")),
      redis_dlq_seconds(redis_op(m, "dlq_add")),
      cache_hits(m.counter("cache_hits_total", "Reads by id that the cache answered")),
      cache_misses(m.counter("cache_misses_total", "Reads by id that the cache could not answer")),
      reads_degraded(m.counter("log_reads_degraded_total",
                               "Reads answered from the cache because PostgreSQL was away")),
      cache_written(writes(m, "written")),
      cache_failed(writes(m, "failed")),
      cache_skipped(writes(m, "skipped")),
      dlq_relayed(m.counter("dlq_relayed_total", "Dead letters written to their stream")),
      dlq_replayed(m.counter("dlq_replayed_total", "Dead letters sent back to their topic")),
      redis_durable(m.gauge("redis_durable",
                            "1 where Redis keeps what it has acknowledged (appendonly, appendfsync "
                            "always, no eviction), 0 where it may lose it, -1 where it does not "
                            "tell")),
      dlq_pending(m.gauge("dlq_pending", "Dead letters in PostgreSQL that wait for Redis")),
      dlq_depth(m.gauge("dlq_depth", "Dead letters in the stream")),
      dlq_bytes(m.gauge("dlq_bytes", "Memory that the stream takes in Redis, about")),
      dlq_oldest_age_seconds(
          m.gauge("dlq_oldest_age_seconds", "Age of the oldest dead letter in the stream")) {}

}  // namespace stormlog::pipeline
