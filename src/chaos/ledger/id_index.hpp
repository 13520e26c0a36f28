#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "chaos/ledger/ledger.hpp"

namespace stormlog::chaos {

// Finds the entry of an id. Open addressing over 32-bit indices: 8 to 16 bytes an event, where a
// node-based map takes about 60; a ledger may hold tens of millions.
class IdIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit IdIndex(const std::vector<LedgerEntry>& entries)
      : entries_(entries), slots_(std::bit_ceil(entries.size() * 2 + 1), kNone) {
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      slots_[slot_of(entries[i].event.id)] = i;
    }
  }

  std::uint32_t find(const Uuid& id) const { return slots_[slot_of(id)]; }

 private:
  // The slot that holds the id, or the free one where it belongs.
  std::size_t slot_of(const Uuid& id) const {
    std::uint64_t hash = UuidHash()(id);
    hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15ULL;
    std::size_t slot = (hash ^ (hash >> 29)) & (slots_.size() - 1);
    while (slots_[slot] != kNone && entries_[slots_[slot]].event.id != id) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return slot;
  }

  const std::vector<LedgerEntry>& entries_;
  std::vector<std::uint32_t> slots_;
};

}  // namespace stormlog::chaos
