#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace stormlog::pipeline {

// One Content-Encoding that a body may have.  Source: RFC 9110 §8.4; RFC 8878 §7.2.
struct ContentEncoding {
  std::string_view name;
  // Errors as in compression.hpp. Null for a body that is sent as it is.
  Result<std::string> (*undo)(std::string_view packed, std::size_t max_bytes);
};

// Of the header's value, in any case; "" is identity. Empty for an encoding that is not known, and
// for several of them on top of each other.
std::optional<ContentEncoding> content_encoding(std::string_view value);

// What Accept-Encoding offers.
std::string content_encodings();

}  // namespace stormlog::pipeline
