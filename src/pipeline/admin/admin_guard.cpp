#include "pipeline/admin/admin_guard.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "common/base/log.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::string_view kScheme = "bearer ";

std::string_view token_of(const http::Request& request) {
  const std::string_view header = request.headers.get("Authorization");
  if (header.size() <= kScheme.size()) return {};
  const bool bearer =
      std::equal(kScheme.begin(), kScheme.end(), header.begin(),
                 [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
  return bearer ? header.substr(kScheme.size()) : std::string_view();
}

std::array<unsigned char, SHA256_DIGEST_LENGTH> digest(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> out;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

}  // namespace

Result<void> AdminGuard::check_token(const std::string& token) {
  if (token.empty()) return {};
  const bool visible =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (token.size() >= kLeastToken && visible) return {};
  return Error::permanent("admin-token must have at least " + std::to_string(kLeastToken) +
                          " visible ASCII characters; \"openssl rand -hex 32\" makes one");
}

std::optional<http::Response> AdminGuard::refuse(const http::Request& request) const {
  if (token_.empty()) {
    return http::problem(403,
                         "changes are switched off: no admin-token is configured for this service");
  }
  const std::string_view sent = token_of(request);
  const auto given = digest(sent);
  const auto right = digest(token_);
  // Of digests, so that not even the length shows in the time.
  if (CRYPTO_memcmp(given.data(), right.data(), right.size()) == 0) return std::nullopt;
  http::Response response =
      http::problem(401, sent.empty() ? "send the admin token as \"Authorization: Bearer …\""
                                      : "this is not the admin token");
  response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

void audit(const http::Request& request, std::string_view action, std::string_view target,
           std::string_view result) {
  log::write(log::Level::warn, "audit",
             {{"action", action},
              {"target", target},
              {"result", result},
              {"remote", request.remote},
              {"traceparent", request.headers.get("traceparent")}});
}

}  // namespace stormlog::pipeline
