#pragma once

#include <string_view>

namespace stormlog {

// The program's version, from the project's CMake file: "0.1.0".
std::string_view program_version();

}  // namespace stormlog
