#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "pipeline/consumer/store.hpp"

namespace stormlog::pipeline {

// What became of a flush.
struct FlushOutcome {
  std::map<int, std::int64_t> stored;  // partition → next offset
  std::vector<LogRow> rows;            // that are in the table now
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

}  // namespace stormlog::pipeline
