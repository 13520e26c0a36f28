#include "pipeline/consumer/id_time.hpp"

namespace stormlog::pipeline {
namespace {

constexpr WallTime kTimedUntil{std::chrono::sys_days{std::chrono::January / 1 / 2100}};

}  // namespace

std::optional<WallTime> id_time(const Uuid& id, WallTime timed_from) {
  const std::optional<std::int64_t> ms = id.unix_ms();
  // Compared before it becomes nanoseconds, which end in 2262.
  if (!ms ||
      *ms >= std::chrono::ceil<std::chrono::milliseconds>(kTimedUntil.time_since_epoch()).count()) {
    return std::nullopt;
  }
  const WallTime time{std::chrono::milliseconds{*ms}};
  if (time < timed_from) return std::nullopt;
  return time;
}

}  // namespace stormlog::pipeline
