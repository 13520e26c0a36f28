#include "common/base/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>

namespace stormlog {
namespace {

constexpr std::string_view kUrlAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

void append_base64(std::string_view bytes, std::string& out) {
  const std::size_t start = out.size();
  const std::size_t length = (bytes.size() + 2) / 3 * 4;
  out.resize(start + length + 1);  // it ends what it writes with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + start),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  out.resize(start + length);
}

void append_base64url(std::string_view bytes, std::string& out) {
  const std::size_t start = out.size();
  append_base64(bytes, out);
  out.resize(std::min(out.find('=', start), out.size()));
  const auto begin = out.begin() + static_cast<std::ptrdiff_t>(start);
  std::replace(begin, out.end(), '+', '-');
  std::replace(begin, out.end(), '/', '_');
}

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t held = 0;  // bits that are no byte yet, `count` of them
  int count = 0;
  for (const char c : text) {
    const std::size_t value = kUrlAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    held = (held << 6 | static_cast<std::uint32_t>(value)) & 0xFFF;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(held >> count);
  }
  // One character is no byte, and the bits behind the last byte are zero.
  if (count == 6 || (held & ((1U << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

bool is_base64(std::string_view text) {
  const std::size_t padding = text.size() - std::min(text.find_last_not_of('=') + 1, text.size());
  if (padding > 2 || (padding > 0 && text.size() % 4 != 0)) return false;
  text.remove_suffix(padding);
  if (text.size() % 4 == 1) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '-' || c == '_';
  });
}

}  // namespace stormlog
