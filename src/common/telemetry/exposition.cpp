#include "common/telemetry/exposition.hpp"

#include <charconv>
#include <limits>
#include <string_view>

namespace stormlog::telemetry {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_name_char(char c, bool first, bool colon) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
         (!first && c >= '0' && c <= '9');
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
    if (c != lower[i]) return false;
  }
  return true;
}

// A number as Go's ParseFloat takes it in scraped pages: NaN and Inf in any case, with a sign.
bool parse_value(std::string_view text, double& value) {
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text.front() == '+' || text.front() == '-') return false;
  if (equals_ignoring_case(text, "nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  if (equals_ignoring_case(text, "inf") || equals_ignoring_case(text, "infinity")) {
    value = std::numeric_limits<double>::infinity();
  } else {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return false;
  }
  if (negative) value = -value;
  return true;
}

// Reads one line from left to right; the first thing that does not fit is kept as the error.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  bool sample(Sample& out) {
    skip_blanks();
    if (next_is('{')) {
      if (!labels(out)) return false;
      if (out.name.empty()) return fail("the metric's name is missing");
    } else {
      out.name = name(true);
      if (out.name.empty()) return fail("expected a metric's name");
      skip_blanks();
      if (next_is('{') && !labels(out)) return false;
    }
    const std::string_view value = word();
    if (value.empty()) return fail("the value is missing");
    if (!parse_value(value, out.value)) return fail("bad value \"" + std::string(value) + "\"");
    return tail();
  }

  const std::string& error() const { return error_; }

 private:
  bool fail(std::string what) {
    if (error_.empty()) error_ = std::move(what);
    return false;
  }
  bool next_is(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  std::string_view word() {
    skip_blanks();
    std::size_t n = 0;
    while (n < rest_.size() && !is_blank(rest_[n])) ++n;
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }
  std::string name(bool colon) {
    std::size_t n = 0;
    while (n < rest_.size() && is_name_char(rest_[n], n == 0, colon)) ++n;
    std::string taken(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return taken;
  }

  bool quoted(std::string& out) {
    if (!take('"')) return fail("expected a text in quotes");
    out.clear();
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (take('n')) {
        out += '\n';
      } else if (take('\\')) {
        out += '\\';
      } else if (take('"')) {
        out += '"';
      } else {
        return fail("a backslash may only stand before \\, \" and n");
      }
    }
    return fail("the closing quote is missing");
  }

  // {a="x",b="y",}; with a quoted name alone in the place of a label it is the metric's.
  bool labels(Sample& out) {
    take('{');
    for (;;) {
      skip_blanks();
      if (take('}')) return true;
      std::string key;
      const bool in_quotes = next_is('"');
      if (in_quotes) {
        if (!quoted(key)) return false;
      } else {
        key = name(false);
        if (key.empty()) return fail("expected a label's name");
      }
      skip_blanks();
      if (take('=')) {
        skip_blanks();
        std::string value;
        if (!quoted(value)) return false;
        if (!out.labels.emplace(key, std::move(value)).second) {
          return fail("label \"" + key + "\" is given twice");
        }
      } else if (in_quotes && out.name.empty()) {
        out.name = key;
      } else {
        return fail("expected = behind label \"" + key + "\"");
      }
      skip_blanks();
      if (!take(',') && !next_is('}')) return fail("expected , or } behind label \"" + key + "\"");
    }
  }

  // What may follow the value: a timestamp, then an exemplar.
  bool tail() {
    skip_blanks();
    if (!rest_.empty() && !next_is('#')) {
      const std::string_view stamp = word();
      double ignored = 0;
      if (!parse_value(stamp, ignored)) {
        return fail("bad timestamp \"" + std::string(stamp) + "\"");
      }
      skip_blanks();
    }
    if (rest_.empty()) return true;
    Sample exemplar;
    if (!take('#')) return fail("unexpected \"" + std::string(rest_) + "\" behind the value");
    skip_blanks();
    if (!next_is('{') || !labels(exemplar)) return fail("bad exemplar");
    double ignored = 0;
    if (!parse_value(word(), ignored)) return fail("bad exemplar");
    const std::string_view stamp = word();
    if (!stamp.empty() && !parse_value(stamp, ignored)) return fail("bad exemplar");
    skip_blanks();
    return rest_.empty() || fail("unexpected \"" + std::string(rest_) + "\" behind the exemplar");
  }

  std::string_view rest_;
  std::string error_;
};

}  // namespace

std::vector<Sample> parse_exposition(const std::string& text, std::string* error) {
  if (error != nullptr) error->clear();
  const auto refuse = [&](std::size_t number, const std::string& what) {
    if (error != nullptr) *error = "line " + std::to_string(number) + ": " + what;
    return std::vector<Sample>();
  };
  std::vector<Sample> samples;
  std::string_view rest = text;
  bool ended = false;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t newline = rest.find('\n');
    std::string_view line = rest.substr(0, newline);
    rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::size_t blanks = 0;
    while (blanks < line.size() && is_blank(line[blanks])) ++blanks;
    line.remove_prefix(blanks);
    if (line.empty()) continue;
    if (ended) return refuse(number, "text behind # EOF");
    if (line.front() == '#') {
      ended = line == "# EOF";
      continue;
    }
    Sample sample;
    Line reader(line);
    if (!reader.sample(sample)) return refuse(number, reader.error());
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace stormlog::telemetry
