#include "pipeline/event/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace stormlog::pipeline {

void append_base64(std::string_view bytes, std::string& out) {
  const std::size_t start = out.size();
  const std::size_t length = (bytes.size() + 2) / 3 * 4;
  out.resize(start + length + 1);  // it ends what it writes with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + start),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  out.resize(start + length);
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

}  // namespace stormlog::pipeline
