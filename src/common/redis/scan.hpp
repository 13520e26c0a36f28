#pragma once

#include <string>
#include <vector>

#include "common/redis/connection.hpp"

namespace stormlog::redis {

// The keys that match a pattern, each once, in the order of their names. Keys that come or go
// meanwhile may be missing (SCAN's promise).
Result<std::vector<std::string>> scan_keys(Connection& connection, const std::string& pattern);

}  // namespace stormlog::redis
