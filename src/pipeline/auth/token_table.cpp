#include "pipeline/auth/token_table.hpp"

#include <openssl/rand.h>

#include <cstring>
#include <stdexcept>

namespace stormlog::pipeline {
namespace {

constexpr int kSaltBytes = 32;

std::string random_salt() {
  std::string salt(kSaltBytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(salt.data()), kSaltBytes) != 1) {
    throw std::runtime_error("OpenSSL has no random bytes");
  }
  return salt;
}

std::shared_ptr<resilience::RateLimiter> limiter_of(const TokenEntry& entry,
                                                    const TokenTable& before, const Clock& clock) {
  if (!entry.quota) return nullptr;
  const Token* known = before.named(entry.name);
  if (known != nullptr && known->entry.quota == entry.quota) return known->limiter;
  resilience::RateLimiterConfig config;
  config.permits_per_second = entry.quota->events_per_second;
  config.burst = entry.quota->burst;
  config.max_wait = std::chrono::milliseconds(0);
  return std::make_shared<resilience::RateLimiter>(entry.name, config, clock);
}

}  // namespace

std::size_t TokenTable::FirstBytes::operator()(const Sha256& digest) const {
  std::size_t value = 0;
  std::memcpy(&value, digest.data(), sizeof value);
  return value;
}

TokenTable::TokenTable() : salt_(random_salt()) {}

TokenTable::TokenTable(std::vector<TokenEntry> entries, const TokenTable& before,
                       const Clock& clock)
    : salt_(random_salt()) {
  for (TokenEntry& entry : entries) {
    auto limiter = limiter_of(entry, before, clock);
    by_salted_.emplace(salted(entry.digest), tokens_.size());
    by_name_.emplace(entry.name, tokens_.size());
    tokens_.push_back({std::move(entry), std::move(limiter)});
  }
}

Sha256 TokenTable::salted(const Sha256& digest) const {
  return sha256(salt_, {reinterpret_cast<const char*>(digest.data()), digest.size()});
}

const Token* TokenTable::find(std::string_view token) const {
  const Sha256 digest = sha256(token);
  const auto found = by_salted_.find(salted(digest));
  if (found == by_salted_.end()) return nullptr;
  const Token& known = tokens_[found->second];
  return equal_in_constant_time(digest, known.entry.digest) ? &known : nullptr;
}

const Token* TokenTable::named(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tokens_[found->second];
}

}  // namespace stormlog::pipeline
