#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipeline/auth/token_file.hpp"
#include "resilience/rate_limiter.hpp"

namespace stormlog::pipeline {

struct Token {
  TokenEntry entry;
  std::shared_ptr<resilience::RateLimiter> limiter;  // null without a quota

  bool expired(WallTime now) const { return entry.expires && now >= *entry.expires; }
};

// The tokens that are good now.
//
// A token is found by the SHA-256 of a secret salt and the token's own SHA-256. The time that the
// search takes tells about that value alone, which nobody outside can compute, so that a stored
// digest cannot be felt out byte by byte, however many tokens there are; the digests themselves are
// compared in constant time ("double HMAC" comparison).
//
// Threads:  find() and named() are const and safe; it never changes.
class TokenTable {
 public:
  TokenTable();
  // Buckets of `before` whose name and quota are the same stay as they are: a reload refills none.
  TokenTable(std::vector<TokenEntry> entries, const TokenTable& before, const Clock& clock);

  // Also one that has expired; null where it is unknown.
  const Token* find(std::string_view token) const;
  const Token* named(std::string_view name) const;
  std::size_t size() const { return tokens_.size(); }
  const std::vector<Token>& tokens() const { return tokens_; }

 private:
  struct FirstBytes {
    std::size_t operator()(const Sha256& digest) const;
  };
  Sha256 salted(const Sha256& digest) const;

  std::string salt_;
  std::vector<Token> tokens_;
  std::unordered_map<Sha256, std::size_t, FirstBytes> by_salted_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

}  // namespace stormlog::pipeline
