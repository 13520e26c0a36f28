#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

// Undoes compression of bytes from outside, with a bound on what comes out of them.
//
// Threads: safe; each call stands alone.
// Memory:  beside the result, which never grows beyond `max_bytes`, what the decoder needs: 64 KB
//          for gzip, up to 8 MiB for zstd.
// Errors:  permanent, with code kTooLarge where more than `max_bytes` would come out, and kCorrupt
//          where the bytes are not what they should be or end early.
namespace stormlog::compression {

inline constexpr std::string_view kTooLarge = "too_large";
inline constexpr std::string_view kCorrupt = "corrupt";

// One member or several.  Source: RFC 1952.
Result<std::string> gunzip(std::string_view packed, std::size_t max_bytes);
// HTTP's "deflate": zlib's wrapping, or none as some clients send it.  Source: RFC 9110 §8.4.1.2.
Result<std::string> inflate(std::string_view packed, std::size_t max_bytes);
// One frame or several, of windows up to 8 MiB.  Source: RFC 8878, §3.1.1.1.2.
Result<std::string> unzstd(std::string_view packed, std::size_t max_bytes);
// The block format, which has no checksum.  Source: google/snappy, format_description.txt.
Result<std::string> unsnappy(std::string_view packed, std::size_t max_bytes);

}  // namespace stormlog::compression
