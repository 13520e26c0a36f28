#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace stormlog::redis {

// redis://[[user]:password@]host[:port][/database]; parts percent-encoded where needed, an IPv6
// address in brackets.
// Source: the `redis` URI scheme of IANA's register.
struct Url {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string user;
  std::string password;
  int database = 0;

  // Permanent error; it never repeats the password.
  static Result<Url> parse(std::string_view text);
  // "127.0.0.1:6379", for messages.
  std::string peer() const;
};

}  // namespace stormlog::redis
