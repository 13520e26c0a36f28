#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/base/clock.hpp"
#include "pipeline/consumer/batch.hpp"

namespace stormlog::pipeline {

// The assigned partitions, what of each is stored, and the micro-batches that are being filled.
//
// A partition is first unpositioned: nothing of it is taken. position() tells what is stored; from
// there on records are taken in the order of their offsets. What is buffered can be dropped at any
// time, because only what is stored counts.
//
// Threads: caller synchronises.
class Intake {
 public:
  struct Limits {
    std::size_t max_rows = 2'000;  // of one partition
    std::size_t max_bytes = 4 * 1024 * 1024;
    std::chrono::milliseconds linger{20};  // of the oldest record
  };

  explicit Intake(Limits limits) : limits_(limits) {}

  void assign(const std::vector<int>& partitions);
  void revoke(const std::vector<int>& partitions);

  // `stored` is the offset in the database; records are expected from `read_from` on.
  void position(int partition, std::int64_t stored, std::int64_t read_from);
  // Drops what is buffered. It needs to be positioned anew.
  void unposition(int partition);
  void unposition_all();
  std::vector<int> unpositioned() const;
  std::vector<int> positioned() const;

  enum class Verdict {
    take,      // the one that follows: add it
    repeated,  // buffered or stored already
    gap,       // offsets are missing before it; the first time: read again from expected()
    foreign,   // of a partition that is not positioned
  };
  // Nothing may be skipped because a client lost its place. But Kafka has gaps of its own
  // (compaction, transactions): one that is met again at the same place is real, and a partition
  // with a real one is believed from then on.
  Verdict offer(int partition, std::int64_t offset);
  std::int64_t expected(int partition) const;

  void add(LogRow&& row, MonotonicTime now);
  void add(DeadLetter&& letter, MonotonicTime now);

  // When the next flush is due; empty when nothing is buffered. In the past once a limit is met.
  std::optional<MonotonicTime> due() const;
  std::size_t buffered() const;

  // All that is buffered, for one transaction.
  std::vector<PartitionBatch> take();
  // After the transaction.
  void stored(int partition, std::int64_t next);

  // The next offset to be stored, for each assigned partition, as far as it was last known; empty
  // where it never was. What is really stored is never less.
  std::map<int, std::optional<std::int64_t>> positions() const;

 private:
  struct Partition {
    bool positioned = false;
    std::optional<std::int64_t> stored;  // kept when the position is lost
    std::int64_t expected = 0;           // the next record from Kafka
    std::optional<std::int64_t> gap_seen;
    bool has_gaps = false;
    PartitionBatch batch;
  };
  void touch(Partition& partition, std::int64_t offset, std::size_t bytes, MonotonicTime now);

  Limits limits_;
  std::map<int, Partition> partitions_;
  std::optional<MonotonicTime> first_at_;
  bool full_ = false;
};

// Where to begin, given what the database has and what Kafka has.
struct Start {
  std::int64_t read_from = 0;
  bool reset = false;        // the database's offset is beyond Kafka's end: set it to read_from
  std::int64_t missing = 0;  // records that Kafka has deleted before they were stored
};

// An offset beyond the end means that the topic was made anew or cut: everything it has is read,
// and what is stored already is recognised by its id. Nothing may be skipped.
Start decide_start(std::int64_t stored, std::int64_t low, std::int64_t high);

}  // namespace stormlog::pipeline
