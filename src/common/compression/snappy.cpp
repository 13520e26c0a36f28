#include <snappy.h>

#include "common/compression/output.hpp"

namespace stormlog::compression {

Result<std::string> unsnappy(std::string_view packed, std::size_t max_bytes) {
  std::size_t length = 0;
  if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &length)) {
    return corrupt("not a snappy block");
  }
  // Known beforehand; what comes out is never longer than it says.
  if (length > max_bytes) return too_large(max_bytes);
  // No element of the format makes more than 64 bytes of two, so that a few bytes cannot ask for
  // much memory.
  if (length / 32 > packed.size()) return corrupt("not a snappy block");
  std::string bytes(length, '\0');
  if (!snappy::RawUncompress(packed.data(), packed.size(), bytes.data())) {
    return corrupt("not a snappy block");
  }
  return bytes;
}

}  // namespace stormlog::compression
