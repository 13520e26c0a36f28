#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "common/base/result.hpp"
#include "pipeline/consumer/batch.hpp"

namespace stormlog::pipeline {

// Where the consumer stores: rows, offsets and dead letters, each write all or nothing.
//
// Threads:  caller synchronises.
// Errors:   `code` is an SQLSTATE; postgres::classify() tells what it means. After an outage the
//           outcome of a write is unknown: ask offsets().
class LogStore {
 public:
  virtual ~LogStore() = default;

  // The next offset of each partition; one that was never seen begins at 0.
  virtual Result<std::map<int, std::int64_t>> offsets(const std::vector<int>& partitions) = 0;
  // Sets it, if it is still `from`.
  virtual Result<void> reset_offset(int partition, std::int64_t from, std::int64_t to) = 0;

  struct Written {
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
