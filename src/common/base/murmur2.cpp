#include "common/base/murmur2.hpp"

#include <cstddef>

namespace stormlog {
namespace {

constexpr std::uint32_t kSeed = 0x9747b28c;
constexpr std::uint32_t kFactor = 0x5bd1e995;

// Up to four bytes as a little-endian number.
std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t number = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return number;
}

}  // namespace

std::uint32_t murmur2(std::string_view bytes) {
  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
  for (; bytes.size() >= 4; bytes.remove_prefix(4)) {
    std::uint32_t word = little_endian(bytes.substr(0, 4)) * kFactor;
    word ^= word >> 24;
    hash = hash * kFactor ^ word * kFactor;
  }
  if (!bytes.empty()) hash = (hash ^ little_endian(bytes)) * kFactor;
  hash = (hash ^ hash >> 13) * kFactor;
  return hash ^ hash >> 15;
}

}  // namespace stormlog
