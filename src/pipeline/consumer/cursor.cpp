#include "pipeline/consumer/cursor.hpp"

#include <algorithm>
#include <array>

#include "common/base/base64.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::size_t kBytes = 27;  // version, 8 of time, 16 of id, 2 of check sum
constexpr std::uint8_t kVersion = 1;

using Bytes = std::array<std::uint8_t, kBytes>;

// FNV-1a over all but the sum itself: a cursor cut or mistyped is told from a real one.
std::uint16_t check_sum(const Bytes& bytes) {
  std::uint32_t hash = 2166136261U;
  for (std::size_t i = 0; i + 2 < kBytes; ++i) hash = (hash ^ bytes[i]) * 16777619U;
  return static_cast<std::uint16_t>(hash ^ (hash >> 16));
}

}  // namespace

std::string Cursor::encode() const {
  Bytes bytes{};
  bytes[0] = kVersion;
  const auto time = static_cast<std::uint64_t>(ts_ns);
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[1 + i] = static_cast<std::uint8_t>(time >> (56 - 8 * i));
  }
  for (std::size_t i = 0; i < 16; ++i) bytes[9 + i] = id.bytes[i];
  const std::uint16_t sum = check_sum(bytes);
  bytes[25] = static_cast<std::uint8_t>(sum >> 8);
  bytes[26] = static_cast<std::uint8_t>(sum);
  std::string out;
  append_base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, out);
  return out;
}

std::optional<Cursor> Cursor::decode(std::string_view text) {
  const std::optional<std::string> decoded = decode_base64url(text);
  if (!decoded || decoded->size() != kBytes) return std::nullopt;
  Bytes bytes{};
  std::copy(decoded->begin(), decoded->end(), bytes.begin());
  const std::uint16_t sum = check_sum(bytes);
  if (bytes[0] != kVersion || bytes[25] != sum >> 8 || bytes[26] != (sum & 0xFF)) {
    return std::nullopt;
  }
  Cursor cursor;
  std::uint64_t time = 0;
  for (std::size_t i = 0; i < 8; ++i) time = time << 8 | bytes[1 + i];
  cursor.ts_ns = static_cast<std::int64_t>(time);
  for (std::size_t i = 0; i < 16; ++i) cursor.id.bytes[i] = bytes[9 + i];
  return cursor;
}

}  // namespace stormlog::pipeline
