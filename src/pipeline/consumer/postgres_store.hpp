#pragma once

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/postgres/connection.hpp"
#include "pipeline/consumer/log_partitions.hpp"
#include "pipeline/consumer/partition_rules.hpp"
#include "pipeline/consumer/store.hpp"

namespace stormlog::pipeline {

struct PostgresStoreConfig {
  postgres::ConnectOptions connection;
  std::string group;
  std::string topic;
  PartitionRules partitions{};
  const Clock* clock = &SystemClock::instance();
};

// LogStore over the tables logs, consumer_offsets and dead_letters. Connects when it is needed,
// anew after an outage, and brings the schema up to date at the first connection.
//
// Rows go in by COPY. Where it finds an id that is known already, the transaction is done again
// with INSERT … ON CONFLICT DO NOTHING, and so are the next ones.
//
// A connection is given up when it does not answer. The next attempts to connect are then short: a
// server that stands still takes connections and says nothing.
//
// Partitions that the rows need are made before them, where the rules allow it; where that fails
// the rows go to logs_default, which is as good.
class PostgresStore final : public LogStore {
 public:
  explicit PostgresStore(PostgresStoreConfig config) : config_(std::move(config)) {}

  Result<StoredPositions> positions(const std::vector<int>& partitions) override;
  bool ready() override;
  Result<StoredPositions> reset_offset(int partition, std::int64_t from, std::int64_t to) override;
  Result<Written> write(std::span<const PartitionBatch> batches) override;

 private:
  Result<void> ensure();
  Result<postgres::Connection> connect();
  postgres::ConnectOptions next_attempt();
  // Those that were moved, counted as if all rows were new.
  Result<StoredPositions> move_offsets(std::span<const PartitionBatch> batches);
  using Counts = std::map<int, std::int64_t>;
  Result<void> count_duplicates(const Counts& duplicates, StoredPositions& moved);
  Result<void> learn_partitions();
  void make_partition_for(WallTime id_time);
  // The rows that none of the known partitions fits.
  std::vector<StrangeRow> place(std::span<const PartitionBatch> batches);
  Result<Written> write_once(std::span<const PartitionBatch> batches);
  using WriteRows = Result<Counts> (PostgresStore::*)(std::span<const PartitionBatch>);
  Result<Written> write_by(WriteRows write_rows, std::span<const PartitionBatch> batches);
  // Both tell how many rows of each partition were there already.
  Result<Counts> copy_rows(std::span<const PartitionBatch> batches);
  Result<Counts> insert_rows(std::span<const PartitionBatch> batches);
  Result<void> insert_dead(std::span<const PartitionBatch> batches);

  PostgresStoreConfig config_;
  std::unique_ptr<postgres::Connection> connection_;
  std::future<Result<postgres::Connection>> connecting_;  // by ready()
  int short_attempts_ = 0;
  bool migrated_ = false;
  int inserts_left_ = 0;  // transactions before COPY is tried again

  PartitionCatalog catalog_;
  bool catalog_stale_ = false;
  std::map<WallTime, MonotonicTime> tried_;        // intervals that could not be made, until when
  std::vector<std::optional<WallTime>> id_times_;  // of the rows being written, in their order
  std::vector<StrangeRow> strange_;
};

}  // namespace stormlog::pipeline
