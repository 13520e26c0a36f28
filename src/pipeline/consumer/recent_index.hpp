#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/redis/connection.hpp"
#include "pipeline/consumer/cursor.hpp"

namespace stormlog::pipeline {

// Which of the cached events are the newest, of all services and of each: sorted sets in Redis
//   stormlog:recent:<slot>    stormlog:recent:<slot>:<service>
// whose members are the event's place in the order of the list (time, id), compared as bytes. A
// slot is half a time-to-live of the cache long and expires as a whole, so a set never names
// events for much longer than they are cached.
//
// Threads: caller synchronises.
namespace recent {

// 24 bytes that compare as (ts_ns, id) do.
std::string member(const Cursor& place);
std::optional<Cursor> place(std::string_view member);

std::int64_t slot(WallTime now, std::chrono::milliseconds ttl);
std::string key(std::int64_t slot, std::string_view service);  // "" = all services

// The sets that may still be there, newest first.
std::vector<std::string> live_keys(WallTime now, std::chrono::milliseconds ttl,
                                   std::string_view service);

}  // namespace recent

// The writer's side.
class RecentIndex {
 public:
  static constexpr std::size_t kKeep = 1'000;  // of each set: the longest list
  // About what Redis takes for a member, times 1.5 for living longer than a cached event.
  static constexpr std::uint64_t kMemberBytes = 200;

  explicit RecentIndex(std::chrono::milliseconds ttl) : ttl_(ttl) {}

  void note(const std::string& service, const Cursor& place);

  struct Update {
    std::vector<redis::Command> commands;
    std::uint64_t bytes = 0;  // that they add to Redis at most
  };
  // One for each set that what was noted belongs to.
  std::vector<Update> take(WallTime now);

 private:
  std::chrono::milliseconds ttl_;
  std::map<std::string, std::vector<std::string>> noted_;  // members by service, "" = all
  std::int64_t slot_ = 0;
  std::map<std::string, std::size_t> held_;  // members of this slot's sets, at most
};

}  // namespace stormlog::pipeline
