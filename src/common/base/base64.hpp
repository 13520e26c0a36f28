#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stormlog {

// Appends the bytes in base64 with padding. Source: RFC 4648 §4.
void append_base64(std::string_view bytes, std::string& out);

// The same in the alphabet for URLs and without padding: a double click marks all of it.
// Source: RFC 4648 §5.
void append_base64url(std::string_view bytes, std::string& out);
// Its bytes; none where the text is not what append_base64url() writes for any.
std::optional<std::string> decode_base64url(std::string_view text);

// Whether it is base64 of either alphabet, with or without padding. Source: RFC 4648 §4 and §5.
bool is_base64(std::string_view text);

}  // namespace stormlog
