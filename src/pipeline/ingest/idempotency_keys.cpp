#include "pipeline/ingest/idempotency_keys.hpp"

#include <utility>

#include "pipeline/event/identity.hpp"

namespace stormlog::pipeline {

struct IdempotencyKeys::Claim::Table {
  struct Entry {
    Uuid body;
    int under_way = 0;
    bool stored = false;
  };
  std::unordered_map<Uuid, Entry, UuidHash> entries;
  std::deque<Uuid> kept;  // those that are stored, the oldest first
};

IdempotencyKeys::IdempotencyKeys(std::size_t max_keys)
    : max_keys_(max_keys), table_(std::make_shared<Claim::Table>()) {}

std::size_t IdempotencyKeys::size() const {
  return table_->entries.size();
}

std::optional<IdempotencyKeys::Claim> IdempotencyKeys::claim(std::string_view key,
                                                             std::string_view body) {
  if (max_keys_ == 0) return Claim();
  // Their hashes: keys and bodies may be long.
  const Uuid key_hash = content_id("idempotency key", {key});
  const Uuid body_hash = content_id("idempotent body", {body});
  const auto [found, fresh] = table_->entries.try_emplace(key_hash);
  if (fresh) {
    found->second.body = body_hash;
  } else if (found->second.body != body_hash) {
    return std::nullopt;
  }
  ++found->second.under_way;
  while (table_->kept.size() > max_keys_) {
    const auto oldest = table_->entries.find(table_->kept.front());
    table_->kept.pop_front();
    // Under way again: its end decides once more.
    oldest->second.stored = false;
    if (oldest->second.under_way == 0) table_->entries.erase(oldest);
  }
  return Claim(table_, key_hash);
}

IdempotencyKeys::Claim& IdempotencyKeys::Claim::operator=(Claim&& other) noexcept {
  settle(false);
  table_ = std::move(other.table_);
  key_ = other.key_;
  return *this;
}

IdempotencyKeys::Claim::~Claim() {
  settle(false);
}

void IdempotencyKeys::Claim::keep() {
  settle(true);
}

void IdempotencyKeys::Claim::settle(bool stored) {
  const auto table = std::exchange(table_, nullptr);
  if (!table) return;
  const auto found = table->entries.find(key_);
  Table::Entry& entry = found->second;
  --entry.under_way;
  if (stored && !entry.stored) {
    entry.stored = true;
    table->kept.push_back(key_);
  }
  if (!entry.stored && entry.under_way == 0) table->entries.erase(found);
}

}  // namespace stormlog::pipeline
