#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/uuid.hpp"

namespace stormlog::pipeline {

// Where a page of the list ended: the last row's place in the order (ts_ns, id). Rows that arrive
// meanwhile move nothing.
struct Cursor {
  std::int64_t ts_ns = 0;
  Uuid id;

  // Opaque to clients: base64url without padding.
  std::string encode() const;
  // Empty for what encode() did not make.
  static std::optional<Cursor> decode(std::string_view text);

  bool operator==(const Cursor&) const = default;
};

}  // namespace stormlog::pipeline
