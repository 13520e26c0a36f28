#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "common/base/clock.hpp"
#include "common/telemetry/metrics.hpp"
#include "pipeline/consumer/conservation.hpp"
#include "pipeline/consumer/position_board.hpp"

namespace stormlog::pipeline {

// Lag of one moment.
struct LagSample {
  MonotonicTime at{};
  std::map<int, std::int64_t> by_partition;  // high watermark − next offset to store
  double seconds = 0;
};

// Keeps the newest sample, and gives none where the truth is not known.
//
// A sum over partitions is only true if it has all of them: one unknown position, an assignment
// that changed while Kafka was asked, no assignment, or a sample that is too old, and there is no
// lag at all. "Drained" is judged by it.
//
// Threads: thread-safe.
class LagKeeper {
 public:
  static constexpr std::chrono::milliseconds kMaxAge{1'500};

  // `before` and `after`: the board around the question; `high`: Kafka's answer.
  void update(const Positions& before, const std::map<int, std::int64_t>& high,
              const Positions& after, MonotonicTime now, WallTime wall);
  std::optional<LagSample> sample(MonotonicTime now) const;

 private:
  mutable std::mutex mutex_;
  std::optional<LagSample> sample_;
  std::optional<MonotonicTime> drained_at_;  // when the lag was last seen to be 0
  std::uint64_t assignment_ = 0;
};

// Asks Kafka for the ends of the assigned partitions, five times a second, on a thread of its own:
// also when nothing arrives and while PostgreSQL is away. Exports kafka_consumer_lag{partition},
// consumer_lag_seconds, consumer_assigned_partitions and what ConservationKeeper does.
//
// Lifetime: board, metrics and clock must outlive it; the destructor stops.
class LagMonitor {
 public:
  LagMonitor(const PositionBoard& board, telemetry::Metrics& metrics, const Clock& clock);
  ~LagMonitor();
  LagMonitor(const LagMonitor&) = delete;
  LagMonitor& operator=(const LagMonitor&) = delete;

 private:
  void loop();
  void measure();

  const PositionBoard& board_;
  const Clock& clock_;
  // Shared with the metrics, which may be scraped after the monitor's end.
  std::shared_ptr<LagKeeper> keeper_ = std::make_shared<LagKeeper>();
  ConservationKeeper conservation_;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace stormlog::pipeline
