#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "common/base/result.hpp"
#include "pipeline/consumer/batch.hpp"

namespace stormlog::pipeline {

// What became of a partition's records, counted in the transactions that move its offset.
struct PartitionTally {
  std::int64_t start = 0;       // the offset that counting began at
  std::int64_t stored = 0;      // rows
  std::int64_t duplicates = 0;  // their id was there already
  std::int64_t dead = 0;        // dead letters
  std::int64_t no_record = 0;   // offsets that Kafka has nothing at
};

struct StoredPosition {
  std::int64_t next = 0;
  PartitionTally tally;
};

using StoredPositions = std::map<int, StoredPosition>;  // by partition

// Where the consumer stores: rows, offsets and dead letters, each write all or nothing.
//
// Threads:  caller synchronises.
// Errors:   `code` is an SQLSTATE; postgres::classify() tells what it means. After an outage the
//           outcome of a write is unknown: ask positions().
class LogStore {
 public:
  virtual ~LogStore() = default;

  // Of each partition; one that was never seen begins at 0.
  virtual Result<StoredPositions> positions(const std::vector<int>& partitions) = 0;
  // Whether a call can be made now. Begins to connect where it must, and does not wait for it; a
  // connection that failed is an error of the next call.
  virtual bool ready() = 0;
  // Sets it, if it is still `from`; counting begins as much later. Empty where it was not.
  virtual Result<StoredPositions> reset_offset(int partition, std::int64_t from,
                                               std::int64_t to) = 0;

  struct Written {
    StoredPositions moved;  // of the batches' partitions
    std::int64_t inserted = 0;
    std::int64_t duplicates = 0;
    // Partitions whose offset was not the expected one: another consumer has them. If there are
    // any, nothing was written at all.
    std::vector<int> fenced;
  };
  // One transaction.
  virtual Result<Written> write(std::span<const PartitionBatch> batches) = 0;
};

}  // namespace stormlog::pipeline
