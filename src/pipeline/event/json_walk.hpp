#pragma once

#include <simdjson.h>

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/event/event_fields.hpp"
#include "pipeline/event/json_text.hpp"
#include "pipeline/event/limits.hpp"

// For .cpp files of this folder and of pipeline/format only: simdjson is a heavy header.
namespace stormlog::pipeline {

namespace ondemand = simdjson::ondemand;

// Walks every value of one record, checks it and copies it as text. simdjson's On-Demand parser
// checks UTF-8 and the skeleton, but not the values that nobody reads: here all are read.
//
// What is wrong with the text as JSON is returned as simdjson's error and fails the whole request.
// What is wrong with the record is kept as error(), and the walk goes on, so that a syntax error
// behind it is found all the same.
class JsonWalk {
 public:
  // `slack`: how many times the limits on names and members a record may reach. A stored form has
  // members of its own, and names with more escapes than the sender's.
  explicit JsonWalk(std::size_t slack = 1)
      : max_name_bytes_(slack * limits::kMaxNameBytes), max_members_(slack * limits::kMaxMembers) {}

  // Forgets the record before.
  void begin_record();
  const std::optional<FieldError>& error() const { return error_; }
  // Keeps the first error of the record.
  void refuse(std::string code, std::string_view field, std::string detail);

  // Appends a value that stands `depth` deep. `field` is the record's member that it belongs to.
  simdjson::error_code copy_value(ondemand::value& value, int depth, std::string_view field,
                                  std::string& out);
  // Appends the members of an object with commas and without the braces, and counts them. Their
  // names are added to `names` where it is given.
  simdjson::error_code copy_members(ondemand::object& object, int depth, std::string_view field,
                                    std::string& out, std::size_t& count,
                                    std::vector<std::string_view>* names = nullptr);
  // Appends one member, with a comma where it is not the first.
  simdjson::error_code copy_member(json_text::RawString name, ondemand::value& value, int depth,
                                   std::string_view field, std::string& out);
  // Reads a string; another type is refused. Longer than `limit` bytes is refused.
  simdjson::error_code read_text(ondemand::value& value, std::size_t limit, std::string_view field,
                                 std::string& out);
  // The text of a whole number; false, and refused, for all else.
  simdjson::error_code read_integer(ondemand::value& value, std::string_view field,
                                    std::optional<std::int64_t>& out);

  // Calls read(raw name, decoded name, value) for each member of an object that belongs to `field`;
  // the decoded name is valid until the next record. Names of one object must differ.
  // Source: RFC 7493 §2.3.
  template <typename Read>
  simdjson::error_code for_each_member(ondemand::object& object, std::string_view field, Read read);
  // Of `attributes` and of the members that go there; kept here for its memory.
  std::vector<std::string_view>& attribute_names() { return attribute_names_; }

 private:
  simdjson::error_code add_name(json_text::RawString name, std::string_view field,
                                std::string_view& decoded);
  void end_names(std::size_t begin, std::string_view field);
  simdjson::error_code copy_object(ondemand::value& value, int depth, std::string_view field,
                                   std::string& out);
  simdjson::error_code copy_array(ondemand::value& value, int depth, std::string_view field,
                                  std::string& out);
  simdjson::error_code copy_scalar(ondemand::value& value, std::string_view field,
                                   std::string& out);

  std::optional<FieldError> error_;
  std::vector<std::string_view> names_;    // of all open objects, as a stack
  std::deque<std::string> decoded_names_;  // those that are written with escapes
  std::vector<std::string_view> attribute_names_;
  std::size_t members_ = 0;
  std::size_t max_name_bytes_;
  std::size_t max_members_;
};

json_text::RawString raw_string(ondemand::raw_json_string text);

// A scalar as it is written, without the white space that simdjson leaves behind it.
std::string_view scalar_token(ondemand::value& value);

template <typename Read>
simdjson::error_code JsonWalk::for_each_member(ondemand::object& object, std::string_view field,
                                               Read read) {
  const std::size_t own_names = names_.size();
  for (auto member : object) {
    ondemand::raw_json_string raw_name;
    if (const auto error = member.key().get(raw_name)) return error;
    ondemand::value value;
    if (const auto error = member.value().get(value)) return error;
    const json_text::RawString raw = raw_string(raw_name);
    std::string_view name;
    if (const auto error = add_name(raw, field, name)) return error;
    if (const auto error = read(raw, name, value)) return error;
  }
  end_names(own_names, field);
  return simdjson::SUCCESS;
}

// Whether nothing but white space is left behind what was read.
bool at_end(ondemand::document& document);

// Whether the value is null; for members whose null means absent.
simdjson::error_code is_null_value(ondemand::value& value, bool& null);

}  // namespace stormlog::pipeline
