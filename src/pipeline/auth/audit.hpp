#pragma once

#include <string_view>

#include "common/http/message.hpp"

namespace stormlog::pipeline {

// Leaves a line of what somebody changed, or was refused, in the service's log, at level warn:
// {"msg":"audit","action":…,"target":…,"result":…,"token":…,"certificate":…,"remote":…,
// "traceparent":…}. `token` is the name of the token, never the token.
void audit(const http::Request& request, std::string_view action, std::string_view target,
           std::string_view result);

}  // namespace stormlog::pipeline
