#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

struct redisContext;
struct redisReply;

namespace stormlog::chaos {

struct FreeRedisReply {
  void operator()(redisReply* reply) const;
};
using RedisReply = std::unique_ptr<redisReply, FreeRedisReply>;

// One blocking connection that reads a Redis from outside.
//
// Threads:  caller synchronises.
// Blocking: at most 30 s for each command.
// Errors:   connection and time-out retriable; an error that Redis answers permanent.
class RedisReader {
 public:
  // redis://[[user]:password@]host[:port][/database]
  static Result<RedisReader> connect(const std::string& url);
  RedisReader(RedisReader&&) noexcept;
  RedisReader& operator=(RedisReader&&) noexcept;
  ~RedisReader();

  Result<RedisReply> command(const std::vector<std::string>& words);
  // The keys that match a pattern, each once, in the order of their names. Keys that come or go
  // meanwhile may be missing (SCAN's promise).
  Result<std::vector<std::string>> keys(const std::string& pattern);

 private:
  explicit RedisReader(redisContext* context) : context_(context) {}
  redisContext* context_ = nullptr;
};

}  // namespace stormlog::chaos
