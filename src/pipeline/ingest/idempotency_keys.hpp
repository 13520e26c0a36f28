#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "common/base/uuid.hpp"

namespace stormlog::pipeline {

// Remembers which body each of the last Idempotency-Keys came with. The ids of events follow from
// the key, and so a second body under the same key would be taken for the first and be lost.
//
// It knows what this process has seen and has not forgotten, and nothing more: another gateway, or
// one that has started anew, takes any body once. Only keys whose events may be in Kafka are kept.
//
// Threads:  caller synchronises, claims included.
// Memory:   some 100 bytes for each of at most `max_keys`; the oldest is forgotten first.
// Lifetime: claims keep what they need alive.
class IdempotencyKeys {
 public:
  // Forgets nothing and refuses nothing with `max_keys` 0.
  explicit IdempotencyKeys(std::size_t max_keys);

  // A request under way. Unless it is kept, its end frees the key for another body.
  class Claim {
   public:
    Claim() = default;
    Claim(Claim&& other) noexcept = default;
    Claim& operator=(Claim&& other) noexcept;
    ~Claim();
    // Its events may be in Kafka.
    void keep();

   private:
    friend class IdempotencyKeys;
    struct Table;
    Claim(std::shared_ptr<Table> table, const Uuid& key) : table_(std::move(table)), key_(key) {}
    void settle(bool stored);

    std::shared_ptr<Table> table_;
    Uuid key_;
  };

  // Empty when the key is another body's. `body`: as sent, once decompressed.
  std::optional<Claim> claim(std::string_view key, std::string_view body);
  std::size_t size() const;

 private:
  std::size_t max_keys_;
  std::shared_ptr<Claim::Table> table_;
};

}  // namespace stormlog::pipeline
