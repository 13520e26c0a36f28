#include "pipeline/format/json_records.hpp"

namespace stormlog::pipeline {

using simdjson::error_code;

Error malformed_json(error_code error, ondemand::document* document, std::string_view text) {
  std::string where;
  const char* location = nullptr;
  if (document != nullptr && document->current_location().get(location) == simdjson::SUCCESS &&
      location >= text.data() && location <= text.data() + text.size()) {
    where = " near byte " + std::to_string(location - text.data());
  }
  const char* what = error == simdjson::UTF8_ERROR        ? "the text is not valid UTF-8"
                     : error == simdjson::EMPTY           ? "the body is empty"
                     : error == simdjson::CAPACITY        ? "the body is too large"
                     : error == simdjson::NUMBER_ERROR    ? "a number is malformed"
                     : error == simdjson::STRING_ERROR    ? "a string holds a bad escape"
                     : error == simdjson::UNCLOSED_STRING ? "a string does not end"
                     : error == simdjson::TRAILING_CONTENT
                         ? "more text behind the first value; send several events as an array or, "
                           "one a line, as application/x-ndjson"
                     : error == simdjson::INCORRECT_TYPE
                         ? "a value is not of the type that it should be"
                     : error == simdjson::UNESCAPED_CHARS
                         ? "a string holds a control character that is not escaped"
                         : "a brace, bracket, comma, colon or value is missing or misplaced";
  return Error::permanent("not valid JSON" + where + ": " + what, "400");
}

simdjson::padded_string_view padded(std::string& text) {
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  return simdjson::padded_string_view(text.data(), text.size(), text.capacity());
}

error_code JsonRecords::parse_record(ondemand::object& object, RecordWriter& writer) {
  walk_.begin_record();
  fields_.clear();
  if (const error_code error = read_(object, walk_, fields_)) return error;
  if (walk_.error()) {
    writer.refuse(*walk_.error());
  } else {
    writer.add(fields_);
  }
  return simdjson::SUCCESS;
}

error_code JsonRecords::parse_object(ondemand::document& document, RecordWriter& writer) {
  ondemand::object object;
  if (const error_code error = document.get_object().get(object)) return error;
  return parse_record(object, writer);
}

error_code JsonRecords::parse_array(ondemand::document& document, RecordWriter& writer) {
  ondemand::array array;
  if (const error_code error = document.get_array().get(array)) return error;
  for (auto element : array) {
    if (writer.full()) {
      too_many_ = true;
      return simdjson::SUCCESS;
    }
    ondemand::value value;
    if (const error_code error = element.get(value)) return error;
    ondemand::json_type type;
    if (const error_code error = value.type().get(type)) return error;
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      if (const error_code error = value.get_object().get(object)) return error;
      if (const error_code error = parse_record(object, writer)) return error;
      continue;
    }
    walk_.begin_record();
    std::string ignored;
    if (const error_code error = walk_.copy_value(value, 1, "", ignored)) return error;
    writer.refuse({"not_an_object", "", "an event must be a JSON object"});
  }
  return simdjson::SUCCESS;
}

Result<ParsedRecords> JsonRecords::parse(std::string& body, const IngestContext& context,
                                         Shape shape) {
  ParsedRecords records;
  RecordWriter writer(records, context, body.size());
  too_many_ = false;
  ondemand::document document;
  if (const error_code error = parser_.iterate(padded(body)).get(document)) {
    return malformed_json(error, nullptr, body);
  }
  ondemand::json_type type;
  if (const error_code error = document.type().get(type)) {
    return malformed_json(error, nullptr, body);
  }
  error_code error = simdjson::SUCCESS;
  if (type == ondemand::json_type::object && shape != Shape::array) {
    records.single = true;
    error = parse_object(document, writer);
  } else if (type == ondemand::json_type::array && shape != Shape::object) {
    error = parse_array(document, writer);
  } else {
    constexpr std::string_view kExpected[] = {"a JSON object: one event", "a JSON array of events",
                                              "a JSON object (one event) or an array of them"};
    return Error::permanent(
        "the body must be " + std::string(kExpected[static_cast<std::size_t>(shape)]), "400");
  }
  if (error) return malformed_json(error, &document, body);
  if (too_many_) return too_many_records();
  if (!at_end(document)) return malformed_json(simdjson::TRAILING_CONTENT, nullptr, body);
  return records;
}

// Fills in the fields; whether the text is an object at all.
error_code JsonRecords::read_text(ondemand::document& document, bool& is_object) {
  ondemand::json_type type;
  if (const error_code error = document.type().get(type)) return error;
  is_object = type == ondemand::json_type::object;
  if (!is_object) return simdjson::SUCCESS;
  ondemand::object object;
  if (const error_code error = document.get_object().get(object)) return error;
  if (const error_code error = read_(object, walk_, fields_)) return error;
  return at_end(document) ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
}

void JsonRecords::add_text(const simdjson::padded_string_view& text, RecordWriter& writer) {
  walk_.begin_record();
  fields_.clear();
  ondemand::document document;
  bool is_object = false;
  if (const error_code error = parser_.iterate(text).get(document)) {
    return writer.refuse({"malformed", "", malformed_json(error, nullptr, text).message});
  }
  if (const error_code error = read_text(document, is_object)) {
    return writer.refuse({"malformed", "", malformed_json(error, &document, text).message});
  }
  if (!is_object) return writer.refuse({"not_an_object", "", "an event must be a JSON object"});
  if (walk_.error()) return writer.refuse(*walk_.error());
  writer.add(fields_);
}

}  // namespace stormlog::pipeline
