#include "pipeline/consumer/tail_position.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace stormlog::pipeline {
namespace {

// Digits alone: from_chars would take a minus sign.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '-') {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string TailPosition::encode() const {
  std::string out;
  for (const auto& [partition, offset] : next) {
    if (!out.empty()) out += '.';
    out += std::to_string(partition) + '-' + std::to_string(offset);
  }
  return out;
}

std::optional<TailPosition> TailPosition::parse(std::string_view text) {
  TailPosition position;
  while (!text.empty()) {
    const std::size_t dash = text.find('-');
    const std::size_t end = std::min(text.find('.'), text.size());
    if (dash == std::string_view::npos || dash == 0 || dash + 1 >= end ||
        position.next.size() == kMaxPartitions)
      return std::nullopt;
    const auto partition = parse_number<int>(text.substr(0, dash));
    const auto offset = parse_number<std::int64_t>(text.substr(dash + 1, end - dash - 1));
    if (!partition || !offset || !position.next.emplace(*partition, *offset).second) {
      return std::nullopt;
    }
    if (end + 1 == text.size()) return std::nullopt;  // a dot at the end
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (position.next.empty()) return std::nullopt;
  return position;
}

std::int64_t TailPosition::of(int partition) const {
  const auto found = next.find(partition);
  return found == next.end() ? 0 : found->second;
}

std::int64_t TailPosition::behind(const std::map<int, std::int64_t>& ends) const {
  std::int64_t sum = 0;
  for (const auto& [partition, end] : ends) {
    const std::int64_t records = std::max<std::int64_t>(0, end - of(partition));
    if (sum > std::numeric_limits<std::int64_t>::max() - records) {
      return std::numeric_limits<std::int64_t>::max();
    }
    sum += records;
  }
  return sum;
}

}  // namespace stormlog::pipeline
