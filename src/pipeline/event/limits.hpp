#pragma once

#include <cstddef>
#include <cstdint>

// What one event and one request may hold. Beyond: the record is refused by its index, or the
// request with 413 where it says so. docs/event.md shows them to users.
namespace stormlog::pipeline::limits {

// The stored form. Kafka refuses records above 1,000,000 bytes by default; key and headers must
// fit beside it.
inline constexpr std::size_t kMaxEventBytes = 960 * 1024;
inline constexpr std::size_t kMaxKeyBytes = 256;
inline constexpr std::size_t kMaxServiceBytes = 256;
inline constexpr std::size_t kMaxSeverityTextBytes = 64;
inline constexpr std::size_t kMaxEventNameBytes = 256;
inline constexpr std::size_t kMaxNameBytes = 1024;  // of any member
inline constexpr std::size_t kMaxNumberChars = 64;
inline constexpr std::size_t kMaxAttributes = 256;
inline constexpr std::size_t kMaxResourceAttributes = 128;
inline constexpr std::size_t kMaxScopeAttributes = 32;
inline constexpr std::size_t kMaxMembers = 4096;      // of all objects of one event together
inline constexpr int kMaxDepth = 32;                  // the event itself is 1
inline constexpr std::uint32_t kMaxRecords = 10'000;  // of one request: 413
inline constexpr std::size_t kMaxIdempotencyKeyBytes = 255;

// Unix nanoseconds. An integer below the first is refused: it is a time in seconds, milliseconds
// or microseconds that lost its unit (in nanoseconds it lies before March 1973).
inline constexpr std::int64_t kLeastTimestampNumber = 100'000'000'000'000'000;

}  // namespace stormlog::pipeline::limits
