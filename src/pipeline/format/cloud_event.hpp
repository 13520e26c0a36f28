#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pipeline/event/event_fields.hpp"

namespace stormlog::pipeline {

// The context attributes of one CloudEvent on their way into an event's fields, whichever way they
// were sent. Each call tells what is wrong with what it was given.
//
// Source: CloudEvents 1.0.2 §3, its extensions for distributed tracing, partitioning and severity;
//         OpenTelemetry's semantic conventions for CloudEvents.
class CloudEvent {
 public:
  // `fields` are cleared, and outlive it.
  explicit CloudEvent(EventFields& fields) : fields_(fields) {}

  // An attribute whose value is a string, UTF-8.
  std::optional<FieldError> set(std::string_view name, std::string_view value);
  // One whose value is a number or a boolean, as JSON.
  std::optional<FieldError> set_json(std::string_view name, std::string_view json);
  // The data are bytes; the body holds them in base64.
  void note_base64();
  // After the last attribute.
  std::optional<FieldError> finish();

 private:
  std::optional<FieldError> set_time(std::string_view value);
  std::optional<FieldError> set_severity_number(std::string_view value);
  void set_traceparent(std::string_view value);
  std::optional<FieldError> add_attribute(std::string_view name, std::string_view json);

  EventFields& fields_;
  std::string json_;
  std::string version_;
  std::string id_;
  std::string source_;
  std::size_t attributes_ = 0;
};

}  // namespace stormlog::pipeline
