#include "pipeline/format/loki_labels.hpp"

#include <charconv>

#include "pipeline/event/json_text.hpp"

namespace stormlog::pipeline {
namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':' || c == '.';
}

class LabelReader {
 public:
  explicit LabelReader(std::string_view text) : rest_(text) {}

  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() {
    skip_space();
    return rest_.empty();
  }
  std::string_view name() {
    skip_space();
    std::size_t length = 0;
    while (length < rest_.size() && is_name_char(rest_[length])) ++length;
    const std::string_view name = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return name;
  }
  bool value(std::string& out);

 private:
  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }
  bool escape(std::string& out);
  bool number(std::size_t digits, int base, unsigned& out);

  std::string_view rest_;
};

bool LabelReader::number(std::size_t digits, int base, unsigned& out) {
  if (rest_.size() < digits) return false;
  const auto result = std::from_chars(rest_.data(), rest_.data() + digits, out, base);
  if (result.ec != std::errc() || result.ptr != rest_.data() + digits) return false;
  rest_.remove_prefix(digits);
  return true;
}

// What stands behind a backslash.
bool LabelReader::escape(std::string& out) {
  constexpr std::string_view kNames = "abfnrtv\\\"'";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"'";
  if (rest_.empty()) return false;
  const std::size_t simple = kNames.find(rest_.front());
  unsigned code = 0;
  if (simple != std::string_view::npos) {
    out += kMeanings[simple];
    rest_.remove_prefix(1);
    return true;
  }
  const char kind = rest_.front();
  if (kind >= '0' && kind <= '7') {
    if (!number(3, 8, code) || code > 255) return false;
    out += static_cast<char>(code);
    return true;
  }
  rest_.remove_prefix(1);
  if (kind == 'x') {
    if (!number(2, 16, code)) return false;
    out += static_cast<char>(code);
    return true;
  }
  if (kind != 'u' && kind != 'U') return false;
  if (!number(kind == 'u' ? 4 : 8, 16, code)) return false;
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
  json_text::append_utf8(code, out);
  return true;
}

bool LabelReader::value(std::string& out) {
  out.clear();
  if (take('`')) {
    const std::size_t end = rest_.find('`');
    if (end == std::string_view::npos) return false;
    out = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return true;
  }
  if (!take('"')) return false;
  while (!rest_.empty()) {
    const std::size_t plain = std::min(rest_.find_first_of("\"\\"), rest_.size());
    out += rest_.substr(0, plain);
    rest_.remove_prefix(plain);
    if (rest_.empty()) break;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '"') return true;
    if (!escape(out)) return false;
  }
  return false;
}

}  // namespace

Result<void> parse_loki_labels(
    std::string_view text,
    const std::function<void(std::string_view name, const std::string& value)>& on_label) {
  const auto malformed = [] {
    return Error::permanent(R"(labels must be written as {name="value", …})", "400");
  };
  LabelReader reader(text);
  if (!reader.take('{')) return malformed();
  std::string value;
  bool first = true;
  while (!reader.take('}')) {
    if (!first && !reader.take(',')) return malformed();
    if (!first && reader.take('}')) break;  // a comma behind the last one
    first = false;
    const std::string_view name = reader.name();
    if (name.empty() || !reader.take('=') || !reader.value(value)) return malformed();
    on_label(name, value);
  }
  return reader.at_end() ? Result<void>() : malformed();
}

}  // namespace stormlog::pipeline
