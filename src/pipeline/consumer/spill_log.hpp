#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "pipeline/consumer/batch.hpp"

namespace stormlog::pipeline {

// One record as it was spilled: what Kafka had, and the chain that proves that nothing is missing.
struct SpilledRecord {
  std::int64_t offset = 0;
  std::int64_t after = 0;  // Kafka has no record from here to `offset`
  WallTime produced{};     // the epoch when there is none
  std::string key;
  std::string id;  // the header of that name, where the payload is no stored form
  std::string payload;
  TraceHeaders trace;
};

// What is spilled of one partition.
struct SpillState {
  std::int64_t records = 0;
  std::uint64_t bytes = 0;
  std::int64_t end = 0;    // the offset behind the newest record; 0 without any
  std::int64_t begin = 0;  // the offset of the oldest one
};

// An ordered, durable log for each partition, in which a record's place is its Kafka offset.
//
// Appending what is there already changes nothing, so anybody may append at any time, also twice:
// a record of an offset is the same whoever read it. That it has no holes is not promised; `after`
// tells.
//
// Threads: caller synchronises.
// Errors:  retriable; `code` OOM when there is no room. The outcome of an append that failed is
//          unknown: ask states().
class SpillLog {
 public:
  virtual ~SpillLog() = default;

  virtual Result<std::map<int, SpillState>> states(const std::vector<int>& partitions) = 0;

  struct Appended {
    std::map<int, SpillState> states;
    std::int64_t added = 0;  // less those that were there already
  };
  // Each batch whole or not at all. What it returns for survives a crash.
  virtual Result<Appended> append(std::span<const PartitionBatch> batches) = 0;

  // From offset `from` on, ascending.
  virtual Result<std::vector<SpilledRecord>> read(int partition, std::int64_t from,
                                                  std::size_t max_records) = 0;
  // Removes what is below these offsets; tells what is left.
  virtual Result<std::map<int, SpillState>> trim(const std::map<int, std::int64_t>& below) = 0;
};

}  // namespace stormlog::pipeline
