#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/http/message.hpp"

namespace stormlog::pipeline {

// Decides who may change something under /admin: who sends "Authorization: Bearer <admin-token>".
// Looking is free; without a token in the configuration nobody may change anything, because any
// page in a browser on this machine could send the request.
//
// Threads: thread-safe.
// Source:  RFC 6750 §2.1, §3.
class AdminGuard {
 public:
  static constexpr std::size_t kLeastToken = 16;

  // "" = none is configured.
  explicit AdminGuard(std::string token) : token_(std::move(token)) {}

  // Permanent error for a token that could be guessed or that no header can carry.
  static Result<void> check_token(const std::string& token);

  // The answer to give instead: 403 where no token is configured, 401 where it is not sent or
  // another one. Takes the same time for every token of one length.
  std::optional<http::Response> refuse(const http::Request& request) const;

 private:
  std::string token_;
};

// Leaves a line of what somebody changed, or was refused, in the service's log, at level warn:
// {"msg":"audit","action":…,"target":…,"result":…,"remote":…,"traceparent":…}.
void audit(const http::Request& request, std::string_view action, std::string_view target,
           std::string_view result);

}  // namespace stormlog::pipeline
