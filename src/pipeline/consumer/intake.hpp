#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/base/clock.hpp"
#include "pipeline/consumer/batch.hpp"

namespace stormlog::pipeline {

// Where the next records of a partition come from and where they go.
enum class Lane {
  none,   // nowhere: it is not known where to go on
  store,  // Kafka → PostgreSQL
  spill,  // Kafka → Redis, while PostgreSQL is away
  drain,  // Redis → PostgreSQL; Kafka is not read
};

// The assigned partitions, the lane of each, what of each is stored, and the micro-batches that are
// being filled from Kafka.
//
// A partition is first in no lane: nothing of it is taken. position() and its like tell where to go
// on; from there on records are taken in the order of their offsets. What is buffered can be
// dropped at any time, because only what is stored or spilled counts.
//
// What take() gave of a partition in the store lane is under way until stored() or a new position
// says what became of it: the records behind it are buffered, and stay until then.
//
// Threads: caller synchronises.
class Intake {
 public:
  struct Limits {
    std::size_t max_rows = 4'000;  // of all partitions together
    std::size_t max_bytes = 8 * 1024 * 1024;
    std::chrono::milliseconds linger{20};  // of the oldest record
  };

  explicit Intake(Limits limits) : limits_(limits) {}

  void assign(const std::vector<int>& partitions);
  void revoke(const std::vector<int>& partitions);

  // `stored` is the offset in the database; records are expected from `read_from` on.
  void position(int partition, std::int64_t stored, std::int64_t read_from);
  void position_drain(int partition, std::int64_t stored, std::int64_t read_from);
  // What is stored stays as it was last known.
  void position_spill(int partition, std::int64_t read_from);
  // Drops what is buffered. It needs to be positioned anew.
  void unposition(int partition);
  void unposition_all();
  std::vector<int> assigned() const;
  std::vector<int> in(Lane lane) const;
  Lane lane(int partition) const;

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

  // After Verdict::take: `fill(batch)` puts the record into its partition's batch.
  template <typename Fill>
  void add(int partition, std::int64_t offset, MonotonicTime now, Fill fill) {
    Partition& state = partitions_.at(partition);
    const std::size_t before = state.batch.bytes;
    fill(state.batch);
    added(state, offset, state.batch.bytes - before, now);
  }

  // When the next take() is due; empty when there is nothing to take. In the past once there is
  // enough for `idle` of `writers`, or no room for more.
  std::optional<MonotonicTime> due(std::size_t idle = 1, std::size_t writers = 1) const;
  std::size_t buffered() const { return all_.records; }
  bool full() const { return reaches(all_, 1, 1); }

  // What is buffered of the partitions that are not under way.
  std::vector<PartitionBatch> take();
  // After the transaction; in the drain lane the next record is expected there.
  void stored(int partition, std::int64_t next);
  // After the append.
  void spilled(int partition, std::int64_t next);
  // Where the next batch begins: what lies before is stored or, in the spill lane, spilled.
  std::int64_t base(int partition) const;
  // What the database has of it.
  std::optional<std::int64_t> stored(int partition) const;

  // The next offset to be stored, for each assigned partition, as far as it was last known; empty
  // where it never was. What is really stored is never less.
  std::map<int, std::optional<std::int64_t>> positions() const;

 private:
  struct Partition {
    Lane lane = Lane::none;
    std::optional<std::int64_t> stored;  // kept when the position is lost
    std::int64_t base = 0;               // where the next batch begins
    std::int64_t expected = 0;           // the next record
    std::optional<std::int64_t> gap_seen;
    bool has_gaps = false;
    bool under_way = false;
    PartitionBatch batch;
    std::optional<MonotonicTime> first_at;  // when its oldest record came
  };
  struct Buffered {
    std::size_t records = 0;
    std::size_t bytes = 0;
    std::optional<MonotonicTime> first_at;
    void add(std::size_t more_records, std::size_t more_bytes, std::optional<MonotonicTime> at);
  };
  Partition* place(int partition, Lane lane, std::int64_t base, std::int64_t expected);
  void added(Partition& partition, std::int64_t offset, std::size_t bytes, MonotonicTime now);
  bool reaches(const Buffered& buffered, std::size_t part, std::size_t whole) const;
  void count();

  Limits limits_;
  std::map<int, Partition> partitions_;
  Buffered all_;
  Buffered ready_;  // of the partitions that are not under way
};

// The first record in Redis that is not stored. `after`: Kafka has none between it and this one.
struct Backlog {
  std::int64_t after = 0;
  std::int64_t offset = 0;
};

// Where to begin, given what the database, Redis and Kafka have.
struct Start {
  std::int64_t read_from = 0;
  bool from_backlog = false;
  bool reset = false;        // the database's offset is beyond Kafka's end: set it to read_from
  std::int64_t missing = 0;  // records that Kafka has deleted before they were stored
};

// Whether the backlog goes on exactly where the store ends.
bool joins(std::int64_t stored, const std::optional<Backlog>& backlog);

// The backlog first, if it joins. Else Kafka, if it still has what is next: the backlog is passed
// by. Else whatever comes first; what is missing is told. An offset beyond the end means that the
// topic was made anew or cut: everything it has is read, and what is stored already is recognised
// by its id. Nothing may be skipped.
Start decide_start(std::int64_t stored, std::int64_t low, std::int64_t high,
                   const std::optional<Backlog>& backlog = std::nullopt);

}  // namespace stormlog::pipeline
