#pragma once

#include <cstdint>
#include <string_view>

namespace stormlog {

// MurmurHash2 of 32 bits with the seed of Kafka's clients. A record with a key goes to partition
// (murmur2(key) & 0x7fffffff) % partitions.
//
// Threads: safe.
// Source:  org.apache.kafka.common.utils.Utils.murmur2; A. Appleby, MurmurHash2 (public domain).
std::uint32_t murmur2(std::string_view bytes);

}  // namespace stormlog
