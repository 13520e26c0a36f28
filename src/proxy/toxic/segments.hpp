#pragma once

#include <cstddef>

namespace stormlog::proxy {

// What a chance for each segment counts in: the payload of a full Ethernet frame with TCP time
// stamps (RFC 879 and RFC 7323: 1500 - 40 - 12). A proxy sees chunks and not segments; a chunk
// counts as the segments that it would fill.
constexpr std::size_t kSegmentBytes = 1448;

constexpr std::size_t segments_of(std::size_t bytes) {
  return (bytes + kSegmentBytes - 1) / kSegmentBytes;
}

}  // namespace stormlog::proxy
