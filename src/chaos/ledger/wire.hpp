#pragma once

#include <zlib.h>

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// Bytes of a ledger file: little-endian integers in frames. See docs/ledger.md.
namespace stormlog::chaos::wire {

static_assert(std::endian::native == std::endian::little,
              "a byte swap is needed in put() and get()");

inline constexpr std::string_view kMagic = "STORMLDG";
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint8_t kSent = 1;
inline constexpr std::uint8_t kEnded = 2;

// Length of the payload, its checksum, and the checksum of these two: without the last a damaged
// length in the middle would look like a torn end of the file.
inline constexpr std::size_t kFrameBytes = 12;

inline std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

template <std::integral T>
void put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

inline void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

// Appends a frame whose payload `fill` appends.
template <typename Fill>
void put_frame(std::string& out, Fill fill) {
  const std::size_t start = out.size();
  out.append(kFrameBytes, '\0');
  fill(out);
  const std::string_view payload = std::string_view(out).substr(start + kFrameBytes);
  const std::uint32_t words[2] = {static_cast<std::uint32_t>(payload.size()), checksum(payload)};
  std::memcpy(out.data() + start, words, sizeof words);
  const std::uint32_t guard = checksum(std::string_view(out).substr(start, sizeof words));
  std::memcpy(out.data() + start + sizeof words, &guard, sizeof guard);
}

// Takes values off the front of a payload; `ok` turns false at the first one that is not there.
struct Reader {
  std::string_view rest;
  bool ok = true;

  template <std::integral T>
  T get() {
    T value{};
    if (rest.size() < sizeof value) {
      ok = false;
      return value;
    }
    std::memcpy(&value, rest.data(), sizeof value);
    rest.remove_prefix(sizeof value);
    return value;
  }

  std::string_view bytes(std::size_t count) {
    if (rest.size() < count) {
      ok = false;
      return {};
    }
    const std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  }

  std::string text() { return std::string(bytes(get<std::uint32_t>())); }
  bool complete() const { return ok && rest.empty(); }
};

}  // namespace stormlog::chaos::wire
