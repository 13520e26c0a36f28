#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "common/base/clock.hpp"
#include "common/telemetry/metrics.hpp"
#include "pipeline/consumer/position_board.hpp"

namespace stormlog::pipeline {

// What became of all records that Kafka has accepted for a partition.
struct Conservation {
  std::int64_t accepted = 0;     // offsets from where counting began to Kafka's end
  std::int64_t stored = 0;       // rows
  std::int64_t duplicate = 0;    // their id was there already
  std::int64_t dead_letter = 0;  // replayed ones are accepted anew
  std::int64_t no_record = 0;    // offsets that Kafka has nothing at (compaction, transactions)
  std::int64_t spilled = 0;      // in Redis, not in PostgreSQL yet
  std::int64_t in_flight = 0;    // in Kafka alone

  // 0 when it adds up. Above: records are nowhere, or nobody knows where. Below: counted twice.
  std::int64_t gap() const {
    return accepted - stored - duplicate - dead_letter - no_record - spilled - in_flight;
  }
};

// `high`: Kafka's end, asked before `account` was read.
Conservation conserve(const PartitionAccount& account, std::int64_t high);

// The newest figures of each assigned partition, as pipeline_conservation_records{partition,term}
// and pipeline_conservation_gap{partition}. Figures older than kMaxAge are left out, a partition at
// a time.
//
// Threads:  thread-safe.
// Lifetime: what it gave to `metrics` may be scraped after its end.
class ConservationKeeper {
 public:
  static constexpr std::chrono::milliseconds kMaxAge{5'000};

  ConservationKeeper(telemetry::Metrics& metrics, const Clock& clock);
  void update(const std::map<int, std::int64_t>& high, const Positions& after);

 private:
  struct Kept {
    MonotonicTime at{};
    Conservation figures;
  };
  struct State {
    std::mutex mutex;
    std::map<int, Kept> by_partition;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  const Clock& clock_;
};

}  // namespace stormlog::pipeline
