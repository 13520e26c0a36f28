#pragma once

#include <string>
#include <string_view>

namespace stormlog::pipeline {

// Appends the bytes in base64 with padding. Source: RFC 4648 §4.
void append_base64(std::string_view bytes, std::string& out);

// Whether it is base64 of either alphabet, with or without padding. Source: RFC 4648 §4 and §5.
bool is_base64(std::string_view text);

}  // namespace stormlog::pipeline
