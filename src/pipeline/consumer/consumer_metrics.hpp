#pragma once

#include "common/telemetry/metrics.hpp"

namespace stormlog::pipeline {

// What the consumer counts and times while it works. Lag and depths are read at each scrape.
struct ConsumerMetrics {
  explicit ConsumerMetrics(telemetry::Metrics& metrics);

  telemetry::Counter processed;  // offsets moved past: stored, duplicate or dead
  telemetry::Counter inserted;
  telemetry::Counter duplicate;
  telemetry::Counter failed;  // refused by PostgreSQL or undecodable: dead letters
  telemetry::HistogramMetric flush_seconds;
  telemetry::HistogramMetric end_to_end_seconds;
  telemetry::Counter rebalances;
  telemetry::Counter fenced;
  telemetry::Counter reread_gaps;
  telemetry::Counter missing;
  telemetry::Counter offset_resets;
  telemetry::Counter client_rebuilds;

  telemetry::Gauge mode_normal;  // 1 in the mode that holds, 0 in the others
  telemetry::Gauge mode_cache_only;
  telemetry::Gauge mode_paused;
  telemetry::Gauge mode_draining;
  telemetry::Counter spilled;
  telemetry::Counter spilled_bytes;
  telemetry::Counter spill_refused_full;   // beyond the bound, or Redis out of memory
  telemetry::Counter spill_refused_redis;  // Redis away
  telemetry::Counter spill_drained;
  telemetry::Gauge spill_backlog_records;
  telemetry::Gauge spill_backlog_bytes;

  telemetry::HistogramMetric redis_spill_append_seconds;
  telemetry::HistogramMetric redis_spill_read_seconds;
  telemetry::HistogramMetric redis_set_seconds;
  telemetry::HistogramMetric redis_get_seconds;
  telemetry::HistogramMetric redis_dlq_seconds;
  telemetry::Counter cache_hits;
  telemetry::Counter cache_misses;
  telemetry::Counter reads_degraded;
  telemetry::Counter cache_written;
  telemetry::Counter cache_failed;   // Redis away or full
  telemetry::Counter cache_skipped;  // beyond the byte budget or the queue

  telemetry::Counter dlq_relayed;
  telemetry::Counter dlq_replayed;
  telemetry::Gauge redis_durable;
  telemetry::Gauge dlq_pending;
  telemetry::Gauge dlq_depth;
  telemetry::Gauge dlq_bytes;
  telemetry::Gauge dlq_oldest_age_seconds;
};

}  // namespace stormlog::pipeline
