#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"

namespace stormlog {

// A UUID, in network byte order.  Source: RFC 9562.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;

  // Lower case, 8-4-4-4-12.
  std::string to_string() const;
  // Writes the 36 characters of to_string() to `out`, without a terminator.
  void format_to(char* out) const;
  // Accepts upper and lower case in the 8-4-4-4-12 form, nothing else.
  static std::optional<Uuid> parse(std::string_view text);
  // Milliseconds since 1970 in a version 7 UUID; empty for other versions.
  std::optional<std::int64_t> unix_ms() const;
};

struct UuidHash {
  std::size_t operator()(const Uuid& id) const noexcept;
};

// Makes version 7 UUIDs that ascend within one generator, also within a millisecond and when the
// wall clock steps back (RFC 9562 §6.2, method 1: a counter in rand_a and the top of rand_b).
//
// Threads: caller synchronises.
class UuidV7Generator {
 public:
  UuidV7Generator(const Clock& clock, Random random) : clock_(clock), random_(random) {}
  Uuid next();

 private:
  const Clock& clock_;
  Random random_;
  std::int64_t last_ms_ = 0;
  std::uint64_t counter_ = 0;  // 42 bits
};

}  // namespace stormlog
