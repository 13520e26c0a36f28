#include "common/base/uuid.hpp"

#include <chrono>
#include <cstring>

namespace stormlog {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::uint64_t kCounterMask = (1ULL << 42) - 1;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool dash_before_byte(std::size_t i) {
  return i == 4 || i == 6 || i == 8 || i == 10;
}

}  // namespace

void Uuid::format_to(char* out) const {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (dash_before_byte(i)) *out++ = '-';
    *out++ = kHex[bytes[i] >> 4];
    *out++ = kHex[bytes[i] & 15];
  }
}

std::string Uuid::to_string() const {
  std::string text(36, '\0');
  format_to(text.data());
  return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid id;
  std::size_t at = 0;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (dash_before_byte(i) && text[at++] != '-') return std::nullopt;
    const int high = hex_digit(text[at]);
    const int low = hex_digit(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

std::optional<std::int64_t> Uuid::unix_ms() const {
  if ((bytes[6] >> 4) != 7) return std::nullopt;
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = (ms << 8) | bytes[i];
  return ms;
}

std::size_t UuidHash::operator()(const Uuid& id) const noexcept {
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::memcpy(&a, id.bytes.data(), 8);
  std::memcpy(&b, id.bytes.data() + 8, 8);
  return static_cast<std::size_t>((a * 0x9e3779b97f4a7c15ULL) ^ b);
}

Uuid UuidV7Generator::next() {
  const auto now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall_now().time_since_epoch())
          .count();
  if (now_ms > last_ms_) {
    last_ms_ = now_ms;
    counter_ = random_.next() & (kCounterMask >> 1);  // top bit clear: room to count up
  } else if (counter_ == kCounterMask) {
    ++last_ms_;
    counter_ = 0;
  } else {
    ++counter_;
  }

  Uuid id;
  for (std::size_t i = 0; i < 6; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(last_ms_ >> (40 - 8 * i));
  }
  const std::uint64_t low = random_.next();
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | (counter_ >> 38));           // 4 bits of rand_a
  id.bytes[7] = static_cast<std::uint8_t>(counter_ >> 30);                    // 8 bits of rand_a
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | ((counter_ >> 24) & 0x3f));  // variant
  id.bytes[9] = static_cast<std::uint8_t>(counter_ >> 16);
  id.bytes[10] = static_cast<std::uint8_t>(counter_ >> 8);
  id.bytes[11] = static_cast<std::uint8_t>(counter_);
  for (std::size_t i = 0; i < 4; ++i) id.bytes[12 + i] = static_cast<std::uint8_t>(low >> (8 * i));
  return id;
}

}  // namespace stormlog
