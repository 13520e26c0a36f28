#include "common/redis/url.hpp"

#include <optional>

#include "common/base/units.hpp"

namespace stormlog::redis {
namespace {

Error unusable(std::string_view text, const std::string& why) {
  const std::size_t at = text.rfind('@');
  const std::string shown = at == std::string_view::npos
                                ? std::string(text)
                                : "redis://***" + std::string(text.substr(at));
  return Error::permanent("\"" + shown + "\": " + why +
                          "; write it like redis://:password@127.0.0.1:6379/0");
}

std::optional<std::string> decode(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  constexpr std::string_view kScheme = "redis://";
  if (text.starts_with("rediss://")) return unusable(text, "TLS is not supported");
  if (!text.starts_with(kScheme)) return unusable(text, "not the URL of a Redis");
  Url url;
  std::string_view rest = text.substr(kScheme.size());
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const std::size_t colon = login.find(':');
    if (colon == std::string_view::npos) {
      return unusable(text, "a login is written user:password@ or :password@");
    }
    const std::optional<std::string> user = decode(login.substr(0, colon));
    const std::optional<std::string> password = decode(login.substr(colon + 1));
    if (!user || !password) return unusable(text, "a bad percent escape in the login");
    url.user = *user;
    url.password = *password;
  }
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    const std::string_view database = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
    if (!database.empty()) {
      const Result<std::int64_t> number = units::parse_int(database);
      if (!number || *number < 0 || *number > 1'000'000) {
        return unusable(text, "the database must be a number");
      }
      url.database = static_cast<int>(*number);
    }
  }
  std::string_view host = rest;
  std::optional<std::string_view> port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return unusable(text, "no ] behind the address");
    host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (rest.starts_with(':')) port = rest.substr(1);
    if (!rest.empty() && !port) return unusable(text, "the address is not followed by :port");
  } else if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
  }
  if (port) {
    const Result<std::int64_t> number = units::parse_int(*port);
    if (!number || *number < 1 || *number > 65535) {
      return unusable(text, "the port must be 1 to 65535");
    }
    url.port = static_cast<std::uint16_t>(*number);
  }
  if (!host.empty()) url.host = std::string(host);
  return url;
}

std::string Url::peer() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace stormlog::redis
