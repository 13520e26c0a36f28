#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/event/event_fields.hpp"

namespace stormlog::pipeline {

// Writes what protocols send as lists of names and values, such as OTLP's attributes and Loki's
// labels, as JSON text; checks it on the way and keeps the first thing that is wrong with the
// record. Where a name comes twice, the last one stays, as in those protocols.
//
// Threads:  caller synchronises.
// Lifetime: names must outlive the object that they are members of.
class MemberWriter {
 public:
  // Forgets the record before.
  void begin_record();
  const std::optional<FieldError>& error() const { return error_; }
  void refuse(std::string code, std::string_view field, std::string detail);

  // An object that grows at the end of a string, without its braces.
  struct Object {
    std::size_t first = 0;  // of its names
    std::size_t start = 0;  // in the string
  };
  Object open(const std::string& out) const { return {names_.size(), out.size()}; }
  // Starts a member: its value is to be appended next.
  void name(const Object& object, std::string_view name, std::string_view field, std::string& out);
  // The number of members that are left.
  std::size_t close(const Object& object, std::string& out);

  // Appends a string of UTF-8; all else is refused.
  void text(std::string_view text, std::string_view field, std::string& out);
  // A number, or the name of what is none in JSON: "NaN", "Infinity", "-Infinity".
  static void number(double number, std::string& out);
  // In base64.
  static void bytes(std::string_view bytes, std::string& out);
  // Whether values may nest so deep; else refused.
  bool may_nest(int depth, std::string_view field);

  // Takes a text that is stored in a field of its own.
  void take_text(std::string_view text, std::size_t limit, std::string_view field,
                 std::string& out);
  // Unix nanoseconds; 0 is none.
  void take_time(std::uint64_t unix_ns, std::string_view field, std::optional<std::int64_t>& out);

 private:
  struct Name {
    std::string_view name;
    std::size_t begin;  // of the member, in the string
  };
  bool has_twice(const Object& object);
  void drop_overwritten(const Object& object, std::string& out);
  bool check_utf8(std::string_view text, std::string_view field);

  std::optional<FieldError> error_;
  std::vector<Name> names_;  // of all open objects, as a stack
  std::vector<std::string_view> sorted_;
  std::size_t members_ = 0;
};

}  // namespace stormlog::pipeline
