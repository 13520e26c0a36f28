#include "common/base/log.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <mutex>

#include "common/base/clock.hpp"
#include "common/base/units.hpp"

namespace stormlog::log {
namespace {

struct Sink {
  std::string service = "stormlog";
  Format format = Format::text;
  std::atomic<Level> level{Level::info};
  // Guards service and format, and keeps lines whole where write(2) takes a part only.
  std::mutex mutex;
};

Sink& sink() {
  static Sink* const instance = new Sink;  // never destroyed: threads may log during exit
  return *instance;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
    case Level::off:
      break;
  }
  return "off";
}

// Length of the valid UTF-8 sequence at the front, or 0.  Source: RFC 3629 §4.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto in = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return in(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
    return in(1, low, high) && in(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  while (!text.empty()) {
    const char c = text.front();
    const auto value = static_cast<unsigned char>(c);
    if (value < 0x20 || value == 0x7f) {
      switch (c) {
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          out += "\\u00";
          out += kHex[value >> 4];
          out += kHex[value & 15];
      }
      text.remove_prefix(1);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
      text.remove_prefix(1);
    } else if (const std::size_t length = utf8_length(text); length > 0) {
      out += text.substr(0, length);
      text.remove_prefix(length);
    } else {
      out += "\xEF\xBF\xBD";  // U+FFFD
      text.remove_prefix(1);
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";  // JSON has no NaN and no infinity
    return;
  }
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), end.ptr);
}

bool is_plain_word(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f) {
      return false;
    }
  }
  return !text.empty();
}

void append_value(std::string& out, Format format, const Field::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    if (format == Format::text && is_plain_word(*text)) {
      append_escaped(out, *text);
    } else {
      append_quoted(out, *text);
    }
  } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    out += std::to_string(*whole);
  } else if (const auto* number = std::get_if<double>(&value)) {
    append_number(out, *number);
  } else {
    out += std::get<bool>(value) ? "true" : "false";
  }
}

std::string json_line(std::string_view service, std::string_view timestamp, Level level,
                      std::string_view message, std::initializer_list<Field> fields) {
  std::string line = "{\"ts\":";
  append_quoted(line, timestamp);
  line += ",\"level\":";
  append_quoted(line, name_of(level));
  line += ",\"service\":";
  append_quoted(line, service);
  line += ",\"msg\":";
  append_quoted(line, message);
  for (const Field& field : fields) {
    line += ',';
    append_quoted(line, field.key);
    line += ':';
    append_value(line, Format::json, field.value);
  }
  line += '}';
  return line;
}

std::string text_line(std::string_view service, std::string_view timestamp, Level level,
                      std::string_view message, std::initializer_list<Field> fields) {
  std::string line(timestamp);
  line += ' ';
  line += name_of(level);
  line.append(6 - name_of(level).size(), ' ');
  append_escaped(line, service);
  line += ": ";
  append_escaped(line, message);
  for (const Field& field : fields) {
    line += ' ';
    append_escaped(line, field.key);
    line += '=';
    append_value(line, Format::text, field.value);
  }
  return line;
}

}  // namespace

void init(std::string service, Level level, Format format) {
  Sink& to = sink();
  const std::lock_guard lock(to.mutex);
  to.service = std::move(service);
  to.format = format;
  to.level.store(level, std::memory_order_release);
}

std::string format_line(Format format, std::string_view service, std::string_view timestamp,
                        Level level, std::string_view message,
                        std::initializer_list<Field> fields) {
  return format == Format::json ? json_line(service, timestamp, level, message, fields)
                                : text_line(service, timestamp, level, message, fields);
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  Sink& to = sink();
  if (level < to.level.load(std::memory_order_acquire) || level == Level::off) return;
  const std::lock_guard lock(to.mutex);
  const std::string timestamp = units::format_rfc3339(SystemClock::instance().wall_now());
  std::string line = format_line(to.format, to.service, timestamp, level, message, fields);
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // a full or closed log must not stop the program
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace stormlog::log
