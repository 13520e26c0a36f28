#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Strings and numbers of JSON as text: copied as they are written where that is safe, so that no
// digit is lost and nothing is decoded only to be encoded again.
//
// What PostgreSQL cannot hold becomes U+FFFD, the replacement character: \u0000 and surrogates
// without their other half. Source: RFC 8259; RFC 7493 (I-JSON) §2.1.
namespace stormlog::pipeline::json_text {

// The content between the quotes, as written.
struct RawString {
  std::string_view text;
  bool escaped = false;  // holds a backslash
};

// `content` points behind the opening quote of a string that is known to end.
RawString scan_string(const char* content);

// Appends the string with its quotes. False when an escape is not one of JSON's.
bool append_clean(RawString raw, std::string& out);
// Replaces `out` by the decoded text. False as above.
bool decode(RawString raw, std::string& out);
// Appends UTF-8 text as a JSON string.
void append_quoted(std::string_view text, std::string& out);
void append_number(std::int64_t number, std::string& out);
// Appends the text with each NUL replaced; it may become three times as long.
void append_storable(std::string_view text, std::string& out);
// Appends a code point, which is none of a surrogate's, in UTF-8.
void append_utf8(unsigned code, std::string& out);

enum class NumberCheck { ok, malformed, out_of_range };
// Out of range: not within a double, or longer than limits::kMaxNumberChars.
NumberCheck check_number(std::string_view token);

}  // namespace stormlog::pipeline::json_text
