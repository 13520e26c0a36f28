#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/redis/connection.hpp"

namespace stormlog::pipeline {

// Whether Redis keeps what it has acknowledged, as cache-only mode and the dead letters need it:
// appended to a file, synced before the answer, never evicted.
struct RedisDurability {
  std::optional<bool> durable;  // empty where Redis does not tell
  std::string why;              // what is wrong, and what would be right

  double metric() const { return durable ? (*durable ? 1 : 0) : -1; }
};

// CONFIG GET of what matters; needs a Redis that allows it.
const std::vector<redis::Command>& ask_durability();
// What it answered, in the order asked.
RedisDurability judge_durability(std::span<const redis::Reply> replies);

}  // namespace stormlog::pipeline
