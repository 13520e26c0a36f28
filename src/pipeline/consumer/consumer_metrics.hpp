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
  telemetry::Gauge dlq_pending;
  telemetry::Gauge dlq_depth;
  telemetry::Gauge dlq_bytes;
  telemetry::Gauge dlq_oldest_age_seconds;
};

}  // namespace stormlog::pipeline
