#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "pipeline/auth/scope.hpp"
#include "pipeline/auth/sha256.hpp"

namespace stormlog::pipeline {

// How many events somebody may send.
struct Quota {
  double events_per_second = 0;
  int burst = 0;  // events at once after a rest
  bool operator==(const Quota&) const = default;
};

struct TokenEntry {
  std::string name;  // what logs and audit lines call its holder
  Sha256 digest{};   // of the token; the token itself is nowhere
  Scopes scopes;
  std::optional<Quota> quota;
  std::optional<WallTime> expires;
};

// The name that the option admin-token goes by.
inline constexpr std::string_view kAdminTokenName = "admin-token";
inline constexpr std::size_t kMaxTokens = 10'000;

// The entries of a tokens file, a YAML list:
//
//   - name: shop
//     sha256: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
//     scopes: [write]
//     rate: 5000/s                      # optional, of events
//     burst: 20000                      # optional, with rate
//     expires: 2027-01-01T00:00:00Z     # optional
//
// A list and no map, so that an entry is added by appending to the file. A plain SHA-256 is enough
// because a token is 256 random bits, not a password: there is nothing to guess faster.
//
// `file` is what messages call it. Permanent error with all that is wrong, each with file:line and
// what would be right.
Result<std::vector<TokenEntry>> parse_token_file(const std::string& text, const std::string& file);

// The burst of a quota that names none: two seconds' worth, and at least one full request.
int default_burst(double events_per_second);

bool is_token_name(std::string_view name);

}  // namespace stormlog::pipeline
