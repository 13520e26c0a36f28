#pragma once

#include <charconv>
#include <deque>
#include <string>
#include <string_view>

#include "pipeline/event/json_walk.hpp"
#include "pipeline/format/json_records.hpp"
#include "pipeline/format/record_writer.hpp"

// For this folder's .cpp files: reads the JSON of protocols whose shape is fixed, OTLP and Loki.
// Unknown members are skipped, null is the same as absent, and a value of the wrong type is an
// error of the whole text.
namespace stormlog::pipeline::json_message {

// Calls read(name, value) for each member that is not null. An escaped name stays escaped, and so
// is unknown.
template <typename Read>
simdjson::error_code for_each_member(ondemand::object& object, Read read) {
  for (auto member : object) {
    ondemand::raw_json_string name;
    if (const auto error = member.key().get(name)) return error;
    ondemand::value value;
    if (const auto error = member.value().get(value)) return error;
    bool null = false;
    if (const auto error = is_null_value(value, null)) return error;
    if (null) continue;
    if (const auto error = read(raw_string(name), value)) return error;
  }
  return simdjson::SUCCESS;
}

// Calls read(object) for each element of an array of objects.
template <typename Read>
simdjson::error_code for_each_object(ondemand::value& value, Read read) {
  ondemand::array array;
  if (const auto error = value.get_array().get(array)) return error;
  for (auto element : array) {
    ondemand::object object;
    if (const auto error = element.get_object().get(object)) return error;
    if (const auto error = read(object)) return error;
  }
  return simdjson::SUCCESS;
}

// Reads a body that is one object with an array of objects as its member `list`, each with
// read(object, writer). That sets `too_many` when it ends because the writer is full.
template <typename Read>
Result<ParsedRecords> parse_message(ondemand::parser& parser, std::string& body,
                                    const IngestContext& context, std::string_view list,
                                    bool& too_many, Read read) {
  ParsedRecords records;
  RecordWriter writer(records, context, body.size());
  too_many = false;
  ondemand::document document;
  if (const auto error = parser.iterate(padded(body)).get(document)) {
    return malformed_json(error, nullptr, body);
  }
  const auto read_all = [&]() -> simdjson::error_code {
    ondemand::object message;
    if (const auto error = document.get_object().get(message)) return error;
    const auto error = for_each_member(
        message, [&](json_text::RawString name, ondemand::value& value) -> simdjson::error_code {
          if (name.text != list) return simdjson::SUCCESS;
          return for_each_object(value,
                                 [&](ondemand::object& object) { return read(object, writer); });
        });
    if (error) return error;
    return at_end(document) ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
  };
  const simdjson::error_code error = read_all();
  if (too_many) return too_many_records();
  if (error) return malformed_json(error, &document, body);
  return records;
}

// A whole number, as a number or as a string of its digits.
template <typename Number>
simdjson::error_code read_number(ondemand::value& value, Number& out) {
  ondemand::json_type type;
  if (const auto error = value.type().get(type)) return error;
  std::string_view digits;
  if (type == ondemand::json_type::string) {
    ondemand::raw_json_string raw;
    if (const auto error = value.get_raw_json_string().get(raw)) return error;
    digits = raw_string(raw).text;
  } else if (type == ondemand::json_type::number) {
    digits = scalar_token(value);
  } else {
    return simdjson::INCORRECT_TYPE;
  }
  const char* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, out);
  return result.ec == std::errc() && result.ptr == end ? simdjson::SUCCESS : simdjson::NUMBER_ERROR;
}

// The decoded text of strings, with nothing in it that cannot be stored.
class Texts {
 public:
  // What was handed out before is gone.
  void clear() { kept_.clear(); }
  // Valid until the next clear().
  simdjson::error_code keep(json_text::RawString raw, std::string_view& out) {
    out = raw.text;
    if (!raw.escaped) return simdjson::SUCCESS;
    if (!json_text::decode(raw, kept_.emplace_back())) return simdjson::STRING_ERROR;
    out = kept_.back();
    return simdjson::SUCCESS;
  }
  simdjson::error_code keep(ondemand::value& value, std::string_view& out) {
    ondemand::raw_json_string raw;
    if (const auto error = value.get_raw_json_string().get(raw)) return error;
    return keep(raw_string(raw), out);
  }

 private:
  std::deque<std::string> kept_;
};

}  // namespace stormlog::pipeline::json_message
