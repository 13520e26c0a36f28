#include "pipeline/event/identity.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {
namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_all_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

void append_big_endian(std::uint32_t number, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

// A version 8 UUID of the text's SHA-256. Source: RFC 9562 §5.8.
Uuid hashed_id(std::string_view input) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(input.data(), input.size(), digest.data(), &length, EVP_sha256(), nullptr);
  Uuid id;
  std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x80);  // version 8
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);  // variant
  return id;
}

}  // namespace

bool is_idempotency_key(std::string_view text) {
  return !text.empty() && text.size() <= limits::kMaxIdempotencyKeyBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

Uuid derived_id(std::string_view idempotency_key, std::uint32_t index) {
  std::string input = "stormlog event id";  // keeps it apart from other uses of the same hash
  input += '\0';
  input += idempotency_key;
  input += '\0';
  append_big_endian(index, input);
  return hashed_id(input);
}

Uuid content_id(std::string_view scheme, std::initializer_list<std::string_view> parts) {
  std::string input = "stormlog content id";
  input += '\0';
  input += scheme;
  input += '\0';
  for (const std::string_view part : parts) {
    // With its length, so that no two lists of parts are the same text.
    append_big_endian(static_cast<std::uint32_t>(part.size()), input);
    input += part;
  }
  return hashed_id(input);
}

bool is_traceparent(std::string_view text) {
  if (text.size() != 55 || text.substr(0, 3) != "00-" || text[35] != '-' || text[52] != '-') {
    return false;
  }
  const std::string_view trace = text.substr(3, 32);
  const std::string_view span = text.substr(36, 16);
  return is_lower_hex(trace) && is_lower_hex(span) && is_lower_hex(text.substr(53)) &&
         !is_all_zero(trace) && !is_all_zero(span);
}

std::string normalise_traceparent(std::string_view text) {
  constexpr std::size_t kLength = 55;
  if (is_traceparent(text)) return std::string(text);
  // Of a later version what is known stands in front, and more may follow behind a dash. Version 00
  // has nothing behind it, and ff is none.
  if (text.size() < kLength || !is_lower_hex(text.substr(0, 2))) return {};
  const std::string_view version = text.substr(0, 2);
  if (version == "00" || version == "ff") return {};
  if (text.size() > kLength && text[kLength] != '-') return {};
  std::string known = "00" + std::string(text.substr(2, kLength - 2));
  if (!is_traceparent(known)) return {};
  // Of the flags only "sampled" is known.
  known[53] = '0';
  known[54] = known[54] % 2 == (known[54] >= 'a' ? 0 : 1) ? '1' : '0';
  return known;
}

bool normalise_hex_id(std::string& text, std::size_t digits) {
  if (text.size() != digits) return false;
  for (char& c : text) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return is_lower_hex(text) && !is_all_zero(text);
}

}  // namespace stormlog::pipeline
