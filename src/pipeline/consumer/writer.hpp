#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "pipeline/consumer/store.hpp"

namespace stormlog::pipeline {

// What became of a flush.
struct FlushOutcome {
  StoredPositions stored;
  std::vector<std::vector<LogRow>> rows;  // that are in the table now, of each batch
  std::int64_t inserted = 0;
  std::int64_t duplicates = 0;
  std::int64_t dead = 0;
  std::vector<int> fenced;
  // Not stored, at least in part: an outage, or a mistake that waiting may mend. Never the data.
  std::optional<Error> failure;
};

// Writes batches: all in one transaction in the good case. Where the data are refused, it halves
// until the rows that are to blame are alone; those become dead letters, their neighbours are
// stored. Conflicts are retried. A fenced partition is left out and told.
FlushOutcome write_batches(LogStore& store, std::vector<PartitionBatch> batches);

// Shares batches out to at most `writers`, each partition to one, about as many rows to each. With
// less than `min_rows` they stay together: a second transaction would cost more than it gains.
std::vector<std::vector<PartitionBatch>> share_out(std::vector<PartitionBatch> batches,
                                                   std::size_t writers, std::size_t min_rows);

// What became of all shares of a flush, at least one; their partitions differ. Of several failures
// one is told.
FlushOutcome merge(std::vector<FlushOutcome> outcomes);

}  // namespace stormlog::pipeline
