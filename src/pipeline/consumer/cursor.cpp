#include "pipeline/consumer/cursor.hpp"

#include <array>

namespace stormlog::pipeline {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kBytes = 27;  // version, 8 of time, 16 of id, 2 of check sum: no padding
constexpr std::size_t kChars = 36;
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
  for (std::size_t i = 0; i < kBytes; i += 3) {
    const std::uint32_t group = static_cast<std::uint32_t>(bytes[i] << 16) |
                                static_cast<std::uint32_t>(bytes[i + 1] << 8) | bytes[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) out += kAlphabet[(group >> shift) & 63];
  }
  return out;
}

std::optional<Cursor> Cursor::decode(std::string_view text) {
  if (text.size() != kChars) return std::nullopt;
  Bytes bytes{};
  for (std::size_t i = 0; i < kChars; i += 4) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const std::size_t value = kAlphabet.find(text[i + j]);
      if (value == std::string_view::npos) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    const std::size_t at = i / 4 * 3;
    bytes[at] = static_cast<std::uint8_t>(group >> 16);
    bytes[at + 1] = static_cast<std::uint8_t>(group >> 8);
    bytes[at + 2] = static_cast<std::uint8_t>(group);
  }
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
