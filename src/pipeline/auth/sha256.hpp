#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stormlog::pipeline {

using Sha256 = std::array<unsigned char, 32>;

// Of both texts, one behind the other. Source: FIPS 180-4.
Sha256 sha256(std::string_view text, std::string_view more = {});
// In a time that does not depend on where they differ.
bool equal_in_constant_time(const Sha256& a, const Sha256& b);

std::string to_hex(const Sha256& digest);
// 64 hex digits of either case.
std::optional<Sha256> parse_sha256(std::string_view hex);

}  // namespace stormlog::pipeline
