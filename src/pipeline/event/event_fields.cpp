#include "pipeline/event/event_fields.hpp"

#include <array>

#include "pipeline/event/json_text.hpp"
#include "pipeline/event/severity.hpp"

namespace stormlog::pipeline {
namespace {

void append_text_member(std::string_view name, std::string_view text, std::string& out) {
  if (text.empty()) return;
  out += name;
  json_text::append_quoted(text, out);
}

void append_object_member(std::string_view name, std::string_view members, std::string& out) {
  if (members.empty()) return;
  out += name;
  out += '{';
  out += members;
  out += '}';
}

void append_number_member(std::string_view name, std::int64_t number, std::string& out) {
  out += name;
  json_text::append_number(number, out);
}

}  // namespace

void EventFields::clear() {
  id.reset();
  key.reset();
  timestamp_ns.reset();
  severity_number.reset();
  trace_flags.reset();
  for (std::string* text : {&severity_text, &service, &event_name, &trace_id, &span_id, &body,
                            &attributes, &resource, &scope}) {
    text->clear();
  }
}

std::optional<FieldError> complete(EventFields& fields) {
  if (fields.body.empty() && fields.attributes.empty() && fields.event_name.empty()) {
    return FieldError{"missing", "body", "an event needs a body, attributes or an event_name"};
  }
  if (!fields.severity_number && !fields.severity_text.empty()) {
    fields.severity_number = severity_number_of(fields.severity_text);
  }
  if (fields.severity_text.empty() && fields.severity_number) {
    fields.severity_text = severity_name(*fields.severity_number);
  }
  return std::nullopt;
}

void append_stored_form(const EventFields& fields, const Uuid& id, std::int64_t observed_ns,
                        std::string& out) {
  std::array<char, 36> id_text;
  id.format_to(id_text.data());
  out += R"({"v":1,"id":")";
  out.append(id_text.data(), id_text.size());
  out += '"';
  append_number_member(R"(,"timestamp":)", fields.timestamp_ns.value_or(observed_ns), out);
  append_number_member(R"(,"observed_timestamp":)", observed_ns, out);
  if (fields.severity_number.value_or(0) != 0) {
    append_number_member(R"(,"severity_number":)", *fields.severity_number, out);
  }
  append_text_member(R"(,"severity_text":)", fields.severity_text, out);
  append_text_member(R"(,"service":)", fields.service, out);
  append_text_member(R"(,"event_name":)", fields.event_name, out);
  append_text_member(R"(,"trace_id":)", fields.trace_id, out);
  append_text_member(R"(,"span_id":)", fields.span_id, out);
  if (fields.trace_flags) append_number_member(R"(,"trace_flags":)", *fields.trace_flags, out);
  if (!fields.body.empty()) {
    out += R"(,"body":)";
    out += fields.body;
  }
  append_object_member(R"(,"attributes":)", fields.attributes, out);
  append_object_member(R"(,"resource":)", fields.resource, out);
  append_object_member(R"(,"scope":)", fields.scope, out);
  out += '}';
}

}  // namespace stormlog::pipeline
