#include "pipeline/auth/new_token.hpp"

#include <openssl/rand.h>

#include <array>
#include <ostream>
#include <stdexcept>

#include "common/base/base64.hpp"
#include "pipeline/auth/token_file.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::size_t kRandomBytes = 32;

}  // namespace

std::string make_token() {
  std::array<unsigned char, kRandomBytes> random;
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    throw std::runtime_error("OpenSSL has no random bytes");
  }
  std::string token = "slt_";
  append_base64url({reinterpret_cast<const char*>(random.data()), random.size()}, token);
  return token;
}

Result<void> print_new_token(const std::string& wish, std::ostream& entry_out,
                             std::ostream& token_out) {
  const std::string form = "\"" + wish + "\": write NAME:SCOPE,…, such as shop:write; ";
  const std::size_t colon = wish.find(':');
  if (colon == std::string::npos) return Error::permanent(form + "the scopes are missing");
  const std::string name = wish.substr(0, colon);
  if (!is_token_name(name) || name == kAdminTokenName) {
    return Error::permanent(form + "a name is letters, digits, '.', '_' and '-'" +
                            (name == kAdminTokenName ? ", and this one is taken" : ""));
  }
  Scopes scopes;
  for (std::size_t at = colon + 1; at <= wish.size();) {
    const std::size_t end = std::min(wish.find(',', at), wish.size());
    const auto scope = parse_scope(std::string_view(wish).substr(at, end - at));
    if (!scope) return Error::permanent(form + "scopes are read, write and admin");
    scopes.add(*scope);
    at = end + 1;
  }
  const std::string token = make_token();
  entry_out << "- name: " << name << "\n  sha256: " << to_hex(sha256(token)) << "\n  scopes: ["
            << to_string(scopes) << "]\n"
            << std::flush;
  token_out << "The token of " << name << ", told this once: " << token << "\n";
  return {};
}

}  // namespace stormlog::pipeline
