#pragma once

#include <string>
#include <vector>

#include "common/redis/connection.hpp"

namespace stormlog::chaos {

// A connection with the patience that reading a store back needs.
Result<redis::Connection> connect_to_read(const std::string& url);

// The keys that match a pattern, each once, in the order of their names. Keys that come or go
// meanwhile may be missing (SCAN's promise).
Result<std::vector<std::string>> scan_keys(redis::Connection& connection,
                                           const std::string& pattern);

}  // namespace stormlog::chaos
