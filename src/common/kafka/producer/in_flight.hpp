#pragma once

#include <cstdint>
#include <deque>

#include "common/base/clock.hpp"

namespace stormlog::kafka {

// The records that wait for their delivery report, oldest first. A list that runs through its
// entries: the report of any of them is taken in constant time, and memory follows what is really
// under way, also when one partition stands still and the others go on.
//
// Threads: caller synchronises.
class InFlightList {
 public:
  struct Entry {
    Entry* previous = nullptr;
    Entry* next = nullptr;
    MonotonicTime since{};
    std::uint64_t token = 0;
    std::uint64_t bytes = 0;
    std::uint32_t slot = 0;
  };

  Entry* add(std::uint64_t token, std::uint64_t bytes, MonotonicTime now, std::uint32_t slot = 0) {
    Entry* entry = free_;
    if (entry != nullptr) {
      free_ = entry->next;
    } else {
      entry = &storage_.emplace_back();
    }
    *entry = {newest_, nullptr, now, token, bytes, slot};
    (newest_ != nullptr ? newest_->next : oldest_) = entry;
    newest_ = entry;
    ++count_;
    bytes_ += bytes;
    return entry;
  }

  void remove(Entry* entry) {
    (entry->previous != nullptr ? entry->previous->next : oldest_) = entry->next;
    (entry->next != nullptr ? entry->next->previous : newest_) = entry->previous;
    --count_;
    bytes_ -= entry->bytes;
    entry->next = free_;
    free_ = entry;
  }

  // Null when nothing is under way.
  Entry* oldest() const { return oldest_; }
  std::uint64_t count() const { return count_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::deque<Entry> storage_;
  Entry* free_ = nullptr;
  Entry* oldest_ = nullptr;
  Entry* newest_ = nullptr;
  std::uint64_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace stormlog::kafka
