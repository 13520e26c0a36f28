#include "pipeline/event/json_parser.hpp"

#include "pipeline/event/batch_codec.hpp"
#include "pipeline/event/identity.hpp"
#include "pipeline/event/json_fields.hpp"
#include "pipeline/event/json_walk.hpp"
#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {

using simdjson::error_code;

struct JsonParser::Impl {
  error_code parse_array(ondemand::document& document, ParsedRecords& records);
  error_code parse_record(ondemand::object& object, ParsedRecords& records);
  void add_frame(ParsedRecords& records);
  void refuse(ParsedRecords& records, FieldError error);

  ondemand::parser parser;
  JsonWalk walk;
  EventFields fields;
  const IngestContext* context = nullptr;
  bool too_many = false;
};

namespace {

Error malformed(error_code error, ondemand::document* document, const std::string& body) {
  std::string where;
  const char* location = nullptr;
  if (document != nullptr && document->current_location().get(location) == simdjson::SUCCESS &&
      location >= body.data() && location <= body.data() + body.size()) {
    where = " near byte " + std::to_string(location - body.data());
  }
  const char* what = error == simdjson::UTF8_ERROR        ? "the text is not valid UTF-8"
                     : error == simdjson::EMPTY           ? "the body is empty"
                     : error == simdjson::CAPACITY        ? "the body is too large"
                     : error == simdjson::NUMBER_ERROR    ? "a number is malformed"
                     : error == simdjson::STRING_ERROR    ? "a string holds a bad escape"
                     : error == simdjson::UNCLOSED_STRING ? "a string does not end"
                     : error == simdjson::UNESCAPED_CHARS
                         ? "a string holds a control character that is not escaped"
                         : "a brace, bracket, comma, colon or value is missing or misplaced";
  return Error::permanent("not valid JSON" + where + ": " + what, "400");
}

}  // namespace

JsonParser::JsonParser() : impl_(std::make_unique<Impl>()) {}
JsonParser::~JsonParser() = default;
JsonParser::JsonParser(JsonParser&&) noexcept = default;
JsonParser& JsonParser::operator=(JsonParser&&) noexcept = default;

void JsonParser::Impl::refuse(ParsedRecords& records, FieldError error) {
  // Until the first refused record the two counts are the same, and no list is kept.
  if (records.errors.empty()) {
    for (std::uint32_t i = 0; i < records.count; ++i) records.indices.push_back(i);
  }
  records.errors.push_back({records.total, std::move(error)});
}

void JsonParser::Impl::add_frame(ParsedRecords& records) {
  const Uuid id = fields.id ? *fields.id
                  : !context->idempotency_key.empty()
                      ? derived_id(context->idempotency_key, records.total)
                      : context->ids->next();
  const std::string_view key = fields.key ? *fields.key : fields.service;
  // The request's trace context is that of this hop; without one the event's own is better than
  // none.
  std::string own_trace;
  std::string_view traceparent = context->traceparent;
  if (traceparent.empty() && !fields.trace_id.empty() && !fields.span_id.empty()) {
    own_trace = "00-" + fields.trace_id + "-" + fields.span_id +
                ((fields.trace_flags.value_or(0) & 1) != 0 ? "-01" : "-00");
    traceparent = own_trace;
  }
  FrameWriter writer(records.frames);
  writer.begin(id, context->received_ns, key, traceparent);
  append_stored_form(fields, id, context->received_ns, records.frames);
  if (writer.end() > limits::kMaxEventBytes) {
    writer.abandon();
    refuse(records, {"too_large", "",
                     "the event is larger than " + std::to_string(limits::kMaxEventBytes) +
                         " bytes in stored form"});
    return;
  }
  if (!records.errors.empty()) records.indices.push_back(records.total);
  ++records.count;
  records.last_id = id;
}

error_code JsonParser::Impl::parse_record(ondemand::object& object, ParsedRecords& records) {
  walk.begin_record();
  fields.clear();
  if (const error_code error = read_event(object, walk, fields)) return error;
  if (walk.error()) {
    refuse(records, *walk.error());
  } else {
    add_frame(records);
  }
  ++records.total;
  return simdjson::SUCCESS;
}

error_code JsonParser::Impl::parse_array(ondemand::document& document, ParsedRecords& records) {
  ondemand::array array;
  if (const error_code error = document.get_array().get(array)) return error;
  for (auto element : array) {
    if (records.total == limits::kMaxRecords) {
      too_many = true;
      return simdjson::SUCCESS;
    }
    ondemand::value value;
    if (const error_code error = element.get(value)) return error;
    ondemand::json_type type;
    if (const error_code error = value.type().get(type)) return error;
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      if (const error_code error = value.get_object().get(object)) return error;
      if (const error_code error = parse_record(object, records)) return error;
      continue;
    }
    walk.begin_record();
    std::string ignored;
    if (const error_code error = walk.copy_value(value, 1, "", ignored)) return error;
    refuse(records, {"not_an_object", "", "an event must be a JSON object"});
    ++records.total;
  }
  return simdjson::SUCCESS;
}

Result<ParsedRecords> JsonParser::parse(std::string& body, const IngestContext& context) {
  ParsedRecords records;
  impl_->context = &context;
  impl_->too_many = false;
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  records.frames.reserve(body.size() + body.size() / 2 + 256);
  ondemand::document document;
  const auto padded = simdjson::padded_string_view(body.data(), body.size(), body.capacity());
  if (const error_code error = impl_->parser.iterate(padded).get(document)) {
    return malformed(error, nullptr, body);
  }
  ondemand::json_type type;
  if (const error_code error = document.type().get(type)) return malformed(error, nullptr, body);
  error_code error = simdjson::SUCCESS;
  if (type == ondemand::json_type::object) {
    records.single = true;
    ondemand::object object;
    error = document.get_object().get(object);
    if (!error) error = impl_->parse_record(object, records);
  } else if (type == ondemand::json_type::array) {
    error = impl_->parse_array(document, records);
  } else {
    return Error::permanent("the body must be a JSON object (one event) or an array of them",
                            "400");
  }
  if (error) return malformed(error, &document, body);
  if (impl_->too_many) {
    return Error::permanent(
        "more than " + std::to_string(limits::kMaxRecords) + " events in one request", "413");
  }
  if (!at_end(document)) {
    return Error::permanent(
        "not valid JSON: more text behind the first value; send several events "
        "as an array",
        "400");
  }
  return records;
}

}  // namespace stormlog::pipeline
