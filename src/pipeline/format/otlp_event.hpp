#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/event/event_fields.hpp"
#include "pipeline/format/member_writer.hpp"
#include "pipeline/format/record_writer.hpp"

namespace stormlog::pipeline {

// What is the same for both encodings of OTLP: how its resource, scope and records become events.
// docs/formats.md shows it to users.
//
// Source: opentelemetry-proto 1.x, logs.proto and common.proto; OpenTelemetry log data model;
//         semantic convention log.record.uid.
class OtlpEvent {
 public:
  MemberWriter members;

  // A resource, and then a scope of it, whose attributes are written to the string that is handed
  // out. What is wrong with them is wrong with each of their records.
  void begin_resource();
  void resource_attribute(std::string_view name, std::string_view json);
  void end_resource(std::size_t attributes);
  std::string& resource() { return resource_; }
  void begin_scope();
  std::string& scope_attributes() { return scope_attributes_; }
  void end_scope(std::size_t attributes, std::string_view name, std::string_view version,
                 std::string_view schema_url);

  void begin_record();
  EventFields& fields() { return fields_; }
  void take_times(std::uint64_t time_unix_ns, std::uint64_t observed_unix_ns);
  void take_severity(std::int64_t number);
  // As hex digits; one that is not valid counts as none, as logs.proto demands.
  void take_trace_id(std::string_view hex);
  void take_span_id(std::string_view hex);
  void take_flags(std::uint32_t flags);
  void note_attribute(std::string_view name, std::string_view json);
  // After the record's last attribute.
  void end_attributes(std::size_t count, std::uint32_t dropped);
  void end_record(RecordWriter& writer);

 private:
  EventFields fields_;
  std::string resource_;
  std::string service_;
  std::string scope_;
  std::string scope_attributes_;
  std::optional<FieldError> resource_error_;
  std::optional<FieldError> scope_error_;
};

}  // namespace stormlog::pipeline
