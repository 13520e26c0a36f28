#pragma once

#include <string_view>

#include "pipeline/auth/scope.hpp"

namespace stormlog::pipeline {

// Who may use a route, once tokens are asked for.
enum class Need {
  nothing,   // anybody: it tells nothing that is worth a secret
  loopback,  // anybody on this machine; from elsewhere the scope read
  read,
  write,
  admin,
};

// By its method and its pattern. What no rule names needs admin: a route that is added without a
// thought is closed, not open.
Need need_of(std::string_view method, std::string_view pattern);

// The scope that a need asks for; of nothing there is none.
Scope scope_of(Need need);

// "127.0.0.1:53122", "[::1]:53122".
bool is_loopback_peer(std::string_view remote);

}  // namespace stormlog::pipeline
