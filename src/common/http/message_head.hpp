#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace stormlog::http {

// What the head of an HTTP/1.x message says of itself and of the body that follows.
struct MessageHead {
  enum class Body { none, length, chunked, until_close };

  std::string method;  // of a request
  std::string target;
  int status = 0;  // of a response
  Body body = Body::none;
  std::uint64_t length = 0;
  bool upgrade = false;  // asks for another protocol, or has changed to it
};

// The longest head that is looked at.
constexpr std::size_t kLongestHead = 64 * 1024;

// `head` is a whole head with its empty line, and nothing more. `answers_head`: the response is one
// to HEAD, which has no body whatever its fields say.
// Errors: permanent where it is no HTTP/1.x.
// Source: RFC 9112 §6.3.
Result<MessageHead> parse_request_head(std::string_view head);
Result<MessageHead> parse_response_head(std::string_view head, bool answers_head);

}  // namespace stormlog::http
