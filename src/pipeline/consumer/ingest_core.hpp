#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "pipeline/consumer/consumer_metrics.hpp"
#include "pipeline/consumer/flush_runner.hpp"
#include "pipeline/consumer/intake.hpp"
#include "pipeline/consumer/position_board.hpp"
#include "pipeline/consumer/record_source.hpp"
#include "pipeline/consumer/spiller.hpp"
#include "pipeline/consumer/store.hpp"
#include "pipeline/consumer/writer.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

enum class IngestMode { normal, cache_only, paused, draining };

struct IngestCoreConfig {
  Intake::Limits batch;
  std::int64_t drain_rate = 50'000;  // records per second
  std::size_t share_rows = 1'000;    // a flush of fewer is one transaction
};

// The way of the records from Kafka to the store, and around it through Redis while it is away:
// decisions only, without threads or clients of its own.
//
// The offset in the store is the truth. Kafka is told an offset when the records before it are in
// the store or, in cache-only mode, safe in Redis. Neither what is in memory nor what Kafka was
// told is ever needed to go on from the store; Redis is needed only for what Kafka has deleted
// since.
//
//   breaker closed:     poll → batch → one transaction (rows, dead letters, offsets) → Kafka's
//   offset open, Redis up:     poll → batch → append to the partition's stream → Kafka's offset
//   open, Redis down    the partitions pause, buffers are dropped, polling goes on so that the
//   group
//     or full:          is kept; Kafka keeps the backlog
//   half open:          reading the offsets back is the trial call; it writes, too
//   closed again:       stream → one transaction → trim, until the stream is empty; then Kafka
//
// Under load flushes are under way while the next records are read and parsed: one at each of the
// stores, each with partitions of its own, and each store goes on as soon as its transaction is
// over. What they bring is looked at before anything else is asked of a store, decided about a
// partition, or given back: settle().
//
// Threads:  caller synchronises; a store is used on one of the runner's threads, by nobody else
//           then.
// Blocking: step() for a poll (50 ms), and as long as the store, Redis and Kafka take to answer.
// Lifetime: what it is given must outlive it.
class IngestCore {
 public:
  struct Hooks {
    std::function<void(std::vector<LogRow>&&)> on_stored;   // rows that are committed
    std::function<void(std::vector<LogRow>&&)> on_spilled;  // rows that are safe in Redis
    std::function<void()> on_dead_letters;                  // some were committed
    std::function<void()> on_positions;                     // positions() changed
  };

  // `stores`: at least one; all of them write to the same tables.
  IngestCore(IngestCoreConfig config, std::vector<LogStore*> stores, SpillLog& spill_log,
             std::uint64_t spill_bytes, std::shared_ptr<resilience::CircuitBreaker> store_breaker,
             std::shared_ptr<resilience::CircuitBreaker> spill_breaker,
             const ConsumerMetrics& metrics, const Clock& clock, Hooks hooks,
             std::unique_ptr<FlushRunner> runner = std::make_unique<InlineFlushRunner>());

  // A new member of the group, with nothing assigned; null: none.
  void attach(RecordSource* source);
  void assigned(const std::vector<int>& partitions);
  void revoked(const std::vector<int>& partitions, bool lost);

  // One round of everything. Needs a source.
  void step();
  // Brings what is buffered to safety and tells Kafka.
  void finish();

  // The source has failed for good.
  bool broken() const { return broken_; }
  IngestMode mode() const;
  std::map<int, std::optional<std::int64_t>> positions() const { return intake_.positions(); }
  // Of the assigned partitions of which it is known what the store and Redis have.
  std::map<int, PartitionAccount> accounts() const;
  std::uint64_t assignment() const { return assignment_; }
  std::optional<WallTime> last_stored_produced() const { return last_stored_produced_; }

 private:
  // ingest_core.cpp
  void pump();
  void take(const SourceRecord& record);
  void handle_error(const Error& error);
  void flush();
  // When the next flush is due; empty when there is nothing to flush or no store to flush it to.
  std::optional<MonotonicTime> due() const;
  std::vector<std::size_t> writers(bool busy) const;
  // The partitions that are written to the store are given a new place.
  void stop_storing();
  // Begins a transaction at each of as many idle stores as are worth it; at least one is idle.
  void begin_store(std::vector<PartitionBatch> batches);
  // Acts on what the transactions brought that are over.
  void collect();
  // Waits for all of them, and acts on what they brought. Tells how many records are done with.
  std::int64_t settle();
  // Of transactions that are over; their stores are idle from here on.
  std::int64_t end_store(const std::vector<std::size_t>& writers);
  FlushOutcome end_one(std::size_t writer);
  void act_on(FlushOutcome& outcome);
  void spill(std::vector<PartitionBatch> batches);
  void record(const FlushOutcome& outcome, Nanoseconds duration);
  void hint(bool wait);
  void publish();
  bool warn_now(const std::string& code);

  // ingest_position.cpp
  void suspend(const Error& why);
  void position();
  void come_back();
  void try_breaker();
  std::optional<std::map<int, std::int64_t>> ask_store(const std::vector<int>& partitions);
  void learn(const StoredPositions& positions);
  Result<void> position_from(const std::map<int, std::int64_t>& stored);
  Result<std::map<int, std::optional<Backlog>>> find_backlogs(
      const std::map<int, std::int64_t>& stored);
  Result<void> start_from(std::map<int, std::int64_t> stored,
                          const Result<std::map<int, std::optional<Backlog>>>& backlogs);
  void position_for_spill();
  Result<void> spill_from(const std::vector<int>& partitions);
  void retry_in(std::chrono::milliseconds wait);

  // ingest_drain.cpp
  void drain();
  // `sharers`: partitions that are drained together; the limits of a flush are theirs together.
  std::size_t page_records(int partition, std::size_t sharers) const;
  std::optional<PartitionBatch> next_page(int partition, std::size_t sharers);
  void tidy();

  IngestCoreConfig config_;
  std::vector<LogStore*> stores_;
  LogStore& store_;  // the first: it is asked where to go on
  Spiller spiller_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  const ConsumerMetrics& metrics_;
  const Clock& clock_;
  Hooks hooks_;

  struct Transaction {
    std::vector<PartitionBatch> batches;
    resilience::Permit permit;
    FlushOutcome outcome;
    Nanoseconds duration{};
  };

  Intake intake_;
  std::vector<std::unique_ptr<Transaction>> under_way_;  // at each store
  StoredPositions known_;                // what was last learned of the assigned partitions
  std::unique_ptr<FlushRunner> runner_;  // after what it works on: it ends first
  RecordSource* source_ = nullptr;
  bool broken_ = false;
  std::uint64_t assignment_ = 0;
  std::optional<WallTime> last_stored_produced_;
  MonotonicTime retry_at_{};  // no question to the store before
  MonotonicTime spill_at_{};  // nor to Redis
  MonotonicTime drain_at_{};
  MonotonicTime tidy_at_{};
  MonotonicTime look_at_{};
  MonotonicTime hint_at_{};
  kafka::Offsets hints_;
  std::map<std::string, MonotonicTime> warned_;
};

}  // namespace stormlog::pipeline
