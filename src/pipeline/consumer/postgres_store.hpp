#pragma once

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
// Partitions that the rows need are made before them, where the rules allow it; where that fails
// the rows go to logs_default, which is as good.
class PostgresStore final : public LogStore {
 public:
  explicit PostgresStore(PostgresStoreConfig config) : config_(std::move(config)) {}

  Result<std::map<int, std::int64_t>> offsets(const std::vector<int>& partitions) override;
  Result<void> reset_offset(int partition, std::int64_t from, std::int64_t to) override;
  Result<Written> write(std::span<const PartitionBatch> batches) override;

 private:
  Result<void> ensure();
  Result<std::vector<int>> move_offsets(std::span<const PartitionBatch> batches);
  Result<void> learn_partitions();
  void make_partition_for(WallTime id_time);
  // The rows that none of the known partitions fits.
  std::vector<StrangeRow> place(std::span<const PartitionBatch> batches);
  Result<Written> write_once(std::span<const PartitionBatch> batches);
  using WriteRows = Result<std::int64_t> (PostgresStore::*)(std::span<const PartitionBatch>);
  Result<Written> write_by(WriteRows write_rows, std::span<const PartitionBatch> batches);
  // Both tell how many rows are new.
  Result<std::int64_t> copy_rows(std::span<const PartitionBatch> batches);
  Result<std::int64_t> insert_rows(std::span<const PartitionBatch> batches);
  Result<void> insert_dead(std::span<const PartitionBatch> batches);

  PostgresStoreConfig config_;
  std::unique_ptr<postgres::Connection> connection_;
  bool migrated_ = false;
  int inserts_left_ = 0;  // transactions before COPY is tried again

  PartitionCatalog catalog_;
  bool catalog_stale_ = false;
  std::map<WallTime, MonotonicTime> tried_;        // intervals that could not be made, until when
  std::vector<std::optional<WallTime>> id_times_;  // of the rows being written, in their order
  std::vector<StrangeRow> strange_;
};

}  // namespace stormlog::pipeline
