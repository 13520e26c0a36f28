#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace stormlog::chaos {

// The mark that the events of a run carry: 1 to 128 characters of A-Z a-z 0-9 _ . - and therefore
// safe inside JSON text, a quoted SQL literal, and a Redis pattern.
Result<void> check_run_mark(std::string_view run);

// Whether a query or pattern holds ${run}.
bool asks_for_run(std::string_view text);
// Puts a checked mark in place of each ${run}.
std::string with_run(std::string_view text, std::string_view run);

}  // namespace stormlog::chaos
