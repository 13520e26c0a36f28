#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "common/base/clock.hpp"
#include "pipeline/consumer/store.hpp"

namespace stormlog::kafka {
class Consumer;
}

namespace stormlog::pipeline {

// What is known of a partition's records, all of one moment; conservation.hpp makes the sum.
struct PartitionAccount {
  StoredPosition stored;
  std::int64_t safe_until = 0;  // the offset behind the last record that is stored or spilled
  std::int64_t spilled = 0;     // records in Redis from stored.next on
};

// Where the ingest stands, for those who watch it.
struct Positions {
  std::shared_ptr<const kafka::Consumer> client;  // empty while there is none
  std::uint64_t assignment = 0;                   // ascends with each change of the partitions
  // The next offset to store of each assigned partition, as last known; empty where it never was.
  std::map<int, std::optional<std::int64_t>> next;
  std::optional<WallTime> last_stored_produced;  // Kafka's timestamp of the last stored record
  std::map<int, PartitionAccount> accounts{};    // of the assigned partitions that are known
};

// Threads: thread-safe.
class PositionBoard {
 public:
  void publish(Positions positions) {
    // Swapped, because the last owner of a client destroys it: not under the lock.
    const std::lock_guard lock(mutex_);
    std::swap(positions_, positions);
  }
  Positions read() const {
    const std::lock_guard lock(mutex_);
    return positions_;
  }

 private:
  mutable std::mutex mutex_;
  Positions positions_;
};

}  // namespace stormlog::pipeline
