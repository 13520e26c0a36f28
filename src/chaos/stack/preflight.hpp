#pragma once

#include <string>
#include <vector>

#include "chaos/stack/stack.hpp"

namespace stormlog::chaos {

// Everything that would keep these services from starting, found before one of them does: HOME not
// writable, programs or templates missing, ports taken, users that do not exist or cannot enter
// their folders, data of another version. One message for each problem; touches nothing but HOME
// itself, which it makes.
std::vector<std::string> preflight(const Stack& stack,
                                   const std::vector<const ServiceSpec*>& services);

}  // namespace stormlog::chaos
