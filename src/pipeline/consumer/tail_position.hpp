#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace stormlog::pipeline {

// How far a reader of the tail has come: the next offset of each partition. Rows of a partition are
// committed in the order of its offsets, so that it names exactly what was told and what was not.
struct TailPosition {
  static constexpr std::size_t kMaxPartitions = 10'000;

  std::map<int, std::int64_t> next;

  // "0-120.1-77": the id of a server-sent event, to come back with.
  std::string encode() const;
  // Empty for what encode() does not make.
  static std::optional<TailPosition> parse(std::string_view text);

  // Records of `ends` that were not told yet.
  std::int64_t behind(const std::map<int, std::int64_t>& ends) const;
  // 0 for a partition that it does not know: it is new, and all of it is.
  std::int64_t of(int partition) const;

  bool operator==(const TailPosition&) const = default;
};

}  // namespace stormlog::pipeline
