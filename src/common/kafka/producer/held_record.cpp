#include "common/kafka/producer/held_record.hpp"

#include <algorithm>

namespace stormlog::kafka {

HeldRecord::HeldRecord(const Record& record, std::uint64_t its_token)
    : token(its_token),
      key_size_(static_cast<std::uint32_t>(record.key.size())),
      value_size_(static_cast<std::uint32_t>(record.value.size())) {
  const auto headers = record.headers.first(std::min(record.headers.size(), kMaxHeaders));
  std::size_t size = record.key.size() + record.value.size();
  for (const RecordHeader& header : headers) size += header.value.size();
  bytes_.reserve(size);
  bytes_.append(record.key).append(record.value);
  for (const RecordHeader& header : headers) {
    bytes_.append(header.value);
    headers_[header_count_++] = {header.name, static_cast<std::uint32_t>(header.value.size())};
  }
}

std::span<const RecordHeader> HeldRecord::headers(
    std::array<RecordHeader, kMaxHeaders>& into) const {
  std::string_view rest = std::string_view(bytes_).substr(size());
  for (std::uint32_t i = 0; i < header_count_; ++i) {
    into[i] = {headers_[i].name, rest.substr(0, headers_[i].size)};
    rest.remove_prefix(headers_[i].size);
  }
  return std::span(into).first(header_count_);
}

}  // namespace stormlog::kafka
