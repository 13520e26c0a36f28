#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/kafka/producer/producer.hpp"

namespace stormlog::kafka {

// A record that waits for its departure, copied into one piece of memory.
class HeldRecord {
 public:
  static constexpr std::size_t kMaxHeaders = 8;  // one more is left out

  explicit HeldRecord(std::uint64_t its_token) : token(its_token) {}
  HeldRecord(const Record& record, std::uint64_t its_token);

  std::string_view key() const { return std::string_view(bytes_).substr(0, key_size_); }
  std::string_view value() const { return std::string_view(bytes_).substr(key_size_, value_size_); }
  std::uint64_t size() const { return std::uint64_t{key_size_} + value_size_; }
  // Views of its headers, in the caller's array. Names are those of the caller of produce():
  // literals.
  std::span<const RecordHeader> headers(std::array<RecordHeader, kMaxHeaders>& into) const;

  std::uint64_t token = 0;

 private:
  struct Header {
    std::string_view name;
    std::uint32_t size = 0;
  };

  std::string bytes_;  // key, value, values of the headers
  std::uint32_t key_size_ = 0;
  std::uint32_t value_size_ = 0;
  std::uint32_t header_count_ = 0;
  std::array<Header, kMaxHeaders> headers_{};
};

}  // namespace stormlog::kafka
