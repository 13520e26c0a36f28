#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/base/clock.hpp"
#include "pipeline/consumer/consumer_metrics.hpp"
#include "pipeline/consumer/spill_log.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

// A SpillLog with its circuit breaker, its bound, and what is known of it.
//
// Threads:  caller synchronises.
// Lifetime: what it is given must outlive it.
// Errors:   as the log's; `code` FULL beyond the bound, BREAKER while the breaker refuses.
class Spiller {
 public:
  // At most `max_bytes` of the log for the partitions that this instance has; 0: never spills.
  Spiller(SpillLog& log, std::uint64_t max_bytes,
          std::shared_ptr<resilience::CircuitBreaker> breaker, const ConsumerMetrics& metrics,
          const Clock& clock);

  bool enabled() const { return max_bytes_ > 0; }
  std::uint64_t max_bytes() const { return max_bytes_; }
  // Whether so much more would be taken.
  bool has_room(std::uint64_t bytes) const;

  Result<std::map<int, SpillState>> look(const std::vector<int>& partitions);
  Result<void> append(std::span<const PartitionBatch> batches);
  Result<std::vector<SpilledRecord>> read(int partition, std::int64_t from,
                                          std::size_t max_records);
  Result<void> trim(const std::map<int, std::int64_t>& below);

  // What was last seen of a partition; empty when it was not, or since the log failed.
  std::optional<SpillState> known(int partition) const;
  std::int64_t records() const;
  std::uint64_t bytes() const;
  void forget(const std::vector<int>& partitions);
  void forget_all() { known_.clear(); }

 private:
  template <typename T, typename Call>
  Result<T> guarded(const telemetry::HistogramMetric& seconds, Call call);
  void note(const std::map<int, SpillState>& states);

  SpillLog& log_;
  std::uint64_t max_bytes_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  const ConsumerMetrics& metrics_;
  const Clock& clock_;
  std::map<int, SpillState> known_;
};

}  // namespace stormlog::pipeline
