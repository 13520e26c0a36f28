#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace stormlog::pipeline {

// A partition of `logs` for a time.
struct LogPartition {
  std::string name;
  WallTime from{};  // of the ids' times, inclusive
  WallTime to{};    // exclusive
  // Each row's own timestamp lies in [ts_from, ts_to).
  WallTime ts_from{};
  WallTime ts_to{};

  bool holds(WallTime id_time) const { return id_time >= from && id_time < to; }
};

// Which partitions there shall be. Decisions only.
struct PartitionRules {
  std::chrono::milliseconds interval = std::chrono::hours{24};
  int ahead = 3;  // intervals after the current one that are always there
  // Ids that are older go to logs_default: one wrong clock must not make a partition for each day
  // of the past.
  std::chrono::milliseconds late = std::chrono::hours{7 * 24};
  std::chrono::milliseconds retention{0};  // 0: keep everything

  // Permanent error that names the option.
  Result<void> check() const;

  // The start of the interval that holds it, counted from 1970 in UTC.
  WallTime floor(WallTime time) const;
  // The current interval's start and those that follow.
  std::vector<WallTime> wanted(WallTime now) const;
  // Whether a row with this time in its id gets a partition made.
  bool makes(WallTime id_time, WallTime now) const;
  // What ends at or before it is past; empty where everything is kept.
  std::optional<WallTime> cutoff(WallTime now) const;
  // What is free around `time`, within its interval: partitions of another interval stay as they
  // are. `time` is in none of them.
  std::pair<WallTime, WallTime> free_around(WallTime time,
                                            std::span<const LogPartition> existing) const;
};

// "logs_p20260131", with "_13" or "_1330" behind it where it does not begin at midnight.
std::string partition_name(WallTime from);

}  // namespace stormlog::pipeline
