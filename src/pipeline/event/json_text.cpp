#include "pipeline/event/json_text.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <system_error>

#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline::json_text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr char kHex[] = "0123456789abcdef";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The four hex digits of \uXXXX; -1 when they are not there.
int hex4(std::string_view text) {
  if (text.size() < 4) return -1;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, value, 16);
  if (error != std::errc() || end != text.data() + 4) return -1;
  return static_cast<int>(value);
}

// One escape at the front of `text`, which starts with a backslash.
struct Escape {
  std::size_t length = 0;  // 0 = not an escape of JSON
  unsigned code = 0;
  bool replaced = false;  // what it stands for cannot be stored
};

Escape read_unicode_escape(std::string_view text) {
  const int first = hex4(text.substr(2));
  if (first < 0) return {};
  const auto code = static_cast<unsigned>(first);
  if (code == 0 || (code >= 0xDC00 && code <= 0xDFFF)) return {6, 0xFFFD, true};
  if (code < 0xD800 || code > 0xDBFF) return {6, code, false};
  if (text.size() >= 12 && text[6] == '\\' && text[7] == 'u') {
    const int second = hex4(text.substr(8));
    if (second >= 0xDC00 && second <= 0xDFFF) {
      return {12, 0x10000 + ((code - 0xD800) << 10) + (static_cast<unsigned>(second) - 0xDC00),
              false};
    }
  }
  return {6, 0xFFFD, true};
}

Escape read_escape(std::string_view text) {
  if (text.size() < 2) return {};
  switch (text[1]) {
    case '"':
    case '\\':
    case '/':
      return {2, static_cast<unsigned char>(text[1]), false};
    case 'b':
      return {2, '\b', false};
    case 'f':
      return {2, '\f', false};
    case 'n':
      return {2, '\n', false};
    case 'r':
      return {2, '\r', false};
    case 't':
      return {2, '\t', false};
    case 'u':
      return read_unicode_escape(text);
    default:
      return {};
  }
}

// Hands plain runs and escapes to the two callbacks, in order.
template <typename OnPlain, typename OnEscape>
bool for_each_part(std::string_view text, OnPlain on_plain, OnEscape on_escape) {
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('\\'), text.size());
    on_plain(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Escape escape = read_escape(text);
    if (escape.length == 0) return false;
    on_escape(escape, text.substr(0, escape.length));
    text.remove_prefix(escape.length);
  }
  return true;
}

}  // namespace

void append_utf8(unsigned code, std::string& out) {
  const auto put = [&out](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

void append_storable(std::string_view text, std::string& out) {
  for (std::size_t at = 0;;) {
    const std::size_t nul = std::min(text.find('\0', at), text.size());
    out += text.substr(at, nul - at);
    if (nul == text.size()) return;
    out += kReplacement;
    at = nul + 1;
  }
}

RawString scan_string(const char* content) {
  const char* end = std::strchr(content, '"');
  const auto length = [&] { return static_cast<std::size_t>(end - content); };
  if (std::memchr(content, '\\', length()) == nullptr) return {{content, length()}, false};
  const char* at = content;
  while (*at != '"') at += *at == '\\' ? 2 : 1;
  end = at;
  return {{content, length()}, true};
}

bool append_clean(RawString raw, std::string& out) {
  out += '"';
  if (raw.escaped) {
    const bool ok = for_each_part(
        raw.text, [&](std::string_view plain) { out += plain; },
        [&](const Escape& escape, std::string_view text) {
          out += escape.replaced ? kReplacement : text;
        });
    if (!ok) return false;
  } else {
    out += raw.text;
  }
  out += '"';
  return true;
}

bool decode(RawString raw, std::string& out) {
  out.clear();
  if (!raw.escaped) {
    out = raw.text;
    return true;
  }
  return for_each_part(
      raw.text, [&](std::string_view plain) { out += plain; },
      [&](const Escape& escape, std::string_view) { append_utf8(escape.code, out); });
}

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  std::size_t plain = 0;  // start of the run that needs no escape
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\0':
        out += kReplacement;
        break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out += text.substr(plain);
  out += '"';
}

void append_number(std::int64_t number, std::string& out) {
  std::array<char, 24> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  out.append(buffer.data(), result.ptr);
}

NumberCheck check_number(std::string_view token) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t first = at;
    while (at < token.size() && is_digit(token[at])) ++at;
    return at > first;
  };
  if (at < token.size() && token[at] == '-') ++at;
  if (at < token.size() && token[at] == '0') {
    ++at;
  } else if (!digits()) {
    return NumberCheck::malformed;
  }
  bool has_exponent = false;
  if (at < token.size() && token[at] == '.') {
    ++at;
    if (!digits()) return NumberCheck::malformed;
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    has_exponent = true;
    ++at;
    if (at < token.size() && (token[at] == '+' || token[at] == '-')) ++at;
    if (!digits()) return NumberCheck::malformed;
  }
  if (at != token.size()) return NumberCheck::malformed;
  if (token.size() > limits::kMaxNumberChars) return NumberCheck::out_of_range;
  if (!has_exponent) return NumberCheck::ok;  // 64 digits are far within a double
  double value = 0;
  const auto result = std::from_chars(token.data(), token.data() + token.size(), value);
  return result.ec == std::errc() ? NumberCheck::ok : NumberCheck::out_of_range;
}

}  // namespace stormlog::pipeline::json_text
