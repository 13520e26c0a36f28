#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stormlog {

// The candidate nearest to `text` by edit distance, or "" when none is near enough to be meant.
std::string closest_match(std::string_view text, const std::vector<std::string>& candidates);

// ` (did you mean "x"?)`, or ` (known: a, b, c)` when nothing is near; for the end of an error.
std::string did_you_mean(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace stormlog
