#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/redis/connection.hpp"
#include "pipeline/consumer/query.hpp"

namespace stormlog::pipeline {

// Some of the newest events that the cache still has and that the query asks for, newest first, as
// JSON: what a list is answered with while PostgreSQL is away. Never more than the query's limit.
struct CachedPage {
  std::vector<std::string> logs;
  Cursor last;  // the place of the last one
};

// One round trip to Redis.
using RedisCall =
    std::function<Result<std::vector<redis::Reply>>(const std::vector<redis::Command>&)>;

Result<CachedPage> list_cached(const LogQuery& query, std::chrono::milliseconds ttl, WallTime now,
                               const RedisCall& redis);

}  // namespace stormlog::pipeline
