#include "pipeline/consumer/partition_rules.hpp"

#include <algorithm>
#include <cstdio>

#include "common/base/units.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kMinInterval = 1h;
constexpr std::int64_t kMaxLatePartitions = 400;

}  // namespace

Result<void> PartitionRules::check() const {
  if (interval < kMinInterval || interval % kMinInterval != 0ms) {
    return Error::permanent(
        "--partition-interval must be whole hours, such as 1h, 24h or 168h; it is " +
        units::format_duration(interval));
  }
  if (late / interval > kMaxLatePartitions) {
    return Error::permanent("--partition-late must not be more than " +
                            std::to_string(kMaxLatePartitions) + " times --partition-interval (" +
                            units::format_duration(interval) + "); it is " +
                            units::format_duration(late));
  }
  if (retention > 0ms && retention < interval) {
    return Error::permanent(
        "--retention must be 0, which keeps everything, or at least --partition-interval (" +
        units::format_duration(interval) + "); it is " + units::format_duration(retention));
  }
  return {};
}

WallTime PartitionRules::floor(WallTime time) const {
  const Nanoseconds since = time.time_since_epoch();
  Nanoseconds part = since % Nanoseconds{interval};
  if (part < 0ns) part += interval;
  return WallTime{since - part};
}

std::vector<WallTime> PartitionRules::wanted(WallTime now) const {
  std::vector<WallTime> starts;
  for (int i = 0; i <= ahead; ++i) starts.push_back(floor(now) + Nanoseconds{interval} * i);
  return starts;
}

bool PartitionRules::makes(WallTime id_time, WallTime now) const {
  std::chrono::milliseconds back = late;
  // What is past already would be made and dropped in turn.
  if (retention > 0ms) back = std::min(back, retention - interval);
  return id_time >= floor(now - back) && id_time < floor(now) + Nanoseconds{interval} * (ahead + 1);
}

std::optional<WallTime> PartitionRules::cutoff(WallTime now) const {
  if (retention == 0ms) return std::nullopt;
  return now - retention;
}

std::pair<WallTime, WallTime> PartitionRules::free_around(
    WallTime time, std::span<const LogPartition> existing) const {
  WallTime from = floor(time);
  WallTime to = from + interval;
  for (const LogPartition& other : existing) {
    if (other.to <= time) from = std::max(from, other.to);
    if (other.from > time) to = std::min(to, other.from);
  }
  return {from, to};
}

std::string partition_name(WallTime from) {
  const auto days = std::chrono::floor<std::chrono::days>(from);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::minutes>(from - days)};
  char name[48];
  int size = std::snprintf(name, sizeof name, "logs_p%04d%02u%02u", static_cast<int>(date.year()),
                           static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  const auto hour = static_cast<int>(time.hours().count());
  const auto minute = static_cast<int>(time.minutes().count());
  if (minute != 0) {
    size += std::snprintf(name + size, sizeof name - static_cast<std::size_t>(size), "_%02d%02d",
                          hour, minute);
  } else if (hour != 0) {
    size += std::snprintf(name + size, sizeof name - static_cast<std::size_t>(size), "_%02d", hour);
  }
  return {name, static_cast<std::size_t>(size)};
}

}  // namespace stormlog::pipeline
