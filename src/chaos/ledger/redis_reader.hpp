#pragma once

#include <string>

#include "common/redis/connection.hpp"

namespace stormlog::chaos {

// A connection with the patience that reading a store back needs.
Result<redis::Connection> connect_to_read(const std::string& url);

}  // namespace stormlog::chaos
