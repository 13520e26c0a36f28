#include "pipeline/format/cloud_event.hpp"

#include <algorithm>
#include <charconv>

#include "common/base/units.hpp"
#include "pipeline/event/identity.hpp"
#include "pipeline/event/json_text.hpp"
#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {
namespace {

using Refusal = std::optional<FieldError>;

Refusal invalid(std::string_view name, std::string detail) {
  return FieldError{"invalid", std::string(name), std::move(detail)};
}

// Lower-case letters and digits. It also keeps extensions apart from the names that are added here,
// which hold a dot. Source: CloudEvents 1.0.2 §3.1.
bool is_attribute_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::kMaxNameBytes &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

Refusal take_text(std::string_view name, std::string_view value, std::size_t limit,
                  std::string& out) {
  out.clear();
  json_text::append_storable(value, out);
  if (out.size() <= limit) return std::nullopt;
  return FieldError{"too_large", std::string(name),
                    std::string(name) + " is longer than " + std::to_string(limit) + " bytes"};
}

// What OpenTelemetry calls an attribute of the core; "" for an extension.
std::string_view conventional_name(std::string_view name) {
  if (name == "id") return "cloudevents.event_id";
  if (name == "source") return "cloudevents.event_source";
  if (name == "specversion") return "cloudevents.event_spec_version";
  if (name == "subject") return "cloudevents.event_subject";
  if (name == "dataschema") return "cloudevents.event_dataschema";
  if (name == "datacontenttype") return "cloudevents.event_datacontenttype";
  return {};
}

}  // namespace

Refusal CloudEvent::add_attribute(std::string_view name, std::string_view json) {
  if (++attributes_ > limits::kMaxAttributes) {
    return FieldError{"too_large", "",
                      "more than " + std::to_string(limits::kMaxAttributes) + " attributes"};
  }
  std::string& out = fields_.attributes;
  if (!out.empty()) out += ',';
  json_text::append_quoted(name, out);
  out += ':';
  out += json;
  return std::nullopt;
}

Refusal CloudEvent::set(std::string_view name, std::string_view value) {
  if (!is_attribute_name(name)) {
    return invalid(name, "the name of an attribute is lower-case letters and digits");
  }
  if (name == "type") return take_text(name, value, limits::kMaxEventNameBytes, fields_.event_name);
  if (name == "time") return set_time(value);
  if (name == "partitionkey") {
    return take_text(name, value, limits::kMaxKeyBytes, fields_.key.emplace());
  }
  if (name == "severitytext") {
    return take_text(name, value, limits::kMaxSeverityTextBytes, fields_.severity_text);
  }
  if (name == "severitynumber") return set_severity_number(value);
  if (name == "traceparent") {
    set_traceparent(value);
    return std::nullopt;
  }
  if (name == "id") id_ = value;
  if (name == "specversion") version_ = value;
  if (name == "source") {
    source_ = value;
    if (auto refusal = take_text(name, value, limits::kMaxServiceBytes, fields_.service)) {
      return refusal;
    }
  }
  const std::string_view known = conventional_name(name);
  json_.clear();
  json_text::append_quoted(value, json_);
  return add_attribute(known.empty() ? name : known, json_);
}

Refusal CloudEvent::set_json(std::string_view name, std::string_view json) {
  if (name == "severitynumber") return set_severity_number(json);
  if (!is_attribute_name(name) || name == "type" || name == "time" || name == "partitionkey" ||
      name == "severitytext" || name == "traceparent" || !conventional_name(name).empty()) {
    return invalid(name, std::string(name) + " must be a string");
  }
  return add_attribute(name, json);
}

void CloudEvent::note_base64() {
  add_attribute("cloudevents.data_encoding", R"("base64")");
}

Refusal CloudEvent::set_time(std::string_view value) {
  const auto time = units::parse_rfc3339(std::string(value));
  if (!time.ok()) return invalid("time", time.error().message);
  if (time->time_since_epoch().count() < 0) return invalid("time", "the time lies before 1970");
  fields_.timestamp_ns = time->time_since_epoch().count();
  return std::nullopt;
}

Refusal CloudEvent::set_severity_number(std::string_view value) {
  int number = 0;
  const char* end = value.data() + value.size();
  const auto result = std::from_chars(value.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end || number < 0 || number > 24) {
    return invalid("severitynumber", "severitynumber is 1 (TRACE) to 24 (FATAL4), or 0 for none");
  }
  fields_.severity_number = number;
  return std::nullopt;
}

// One that is none is to be ignored. Source: W3C Trace Context §3.2.
void CloudEvent::set_traceparent(std::string_view value) {
  if (!is_traceparent(value)) return;
  fields_.trace_id = value.substr(3, 32);
  fields_.span_id = value.substr(36, 16);
  int flags = 0;
  std::from_chars(value.data() + 53, value.data() + 55, flags, 16);
  fields_.trace_flags = flags;
}

Refusal CloudEvent::finish() {
  if (version_ != "1.0") {
    return version_.empty()
               ? FieldError{"missing", "specversion", "a CloudEvent needs specversion \"1.0\""}
               : FieldError{"invalid", "specversion", "only version 1.0 of CloudEvents is known"};
  }
  if (id_.empty()) return FieldError{"missing", "id", "a CloudEvent needs an id"};
  if (source_.empty()) return FieldError{"missing", "source", "a CloudEvent needs a source"};
  if (fields_.event_name.empty()) {
    return FieldError{"missing", "type", "a CloudEvent needs a type"};
  }
  // Source and id together name the event, so that one that is sent again has its id again.
  fields_.id = Uuid::parse(id_);
  if (!fields_.id || *fields_.id == Uuid{}) fields_.id = content_id("cloudevents", {source_, id_});
  return std::nullopt;
}

}  // namespace stormlog::pipeline
