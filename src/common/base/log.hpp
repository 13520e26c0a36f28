#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

// The program's own log: one JSON object a line on standard error,
//   {"ts":"2026-01-31T12:00:00.123Z","level":"info","service":"api-gateway","msg":"…","key":value}
// or readable text where a person runs it. Never log secrets: fields are written as they are.
//
// Threads: thread-safe.
namespace stormlog::log {

enum class Level { debug, info, warn, error, off };
enum class Format { json, text };

struct Field {
  using Value = std::variant<std::string_view, std::int64_t, double, bool>;
  std::string_view key;
  Value value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Field(std::string_view k, T v)
      : key(k), value(static_cast<std::int64_t>(v)) {}
};

void init(std::string service, Level level, Format format);

void write(Level level, std::string_view message, std::initializer_list<Field> fields);

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::info, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::warn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::error, message, fields);
}

// The line that write() would print, without its newline; for tests and for other sinks.
std::string format_line(Format format, std::string_view service, std::string_view timestamp,
                        Level level, std::string_view message, std::initializer_list<Field> fields);

}  // namespace stormlog::log
