#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/base/uuid.hpp"

// A log event on its way through the pipeline. It is parsed and validated once, at the edge, into
// the stored form, and travels from there as bytes.
namespace stormlog::pipeline {

inline constexpr std::string_view kSchemaVersion = "1";

// One event between edge and Kafka. `payload` is the stored form: the value of the Kafka record.
struct StoredEvent {
  Uuid id;
  std::string key;          // Kafka key: the caller's, else service.name; may be empty
  std::string traceparent;  // W3C; may be empty
  std::string payload;      // JSON object, UTF-8, see docs/event.md
};

// The fields of a stored form, read back by the consumer. Views point into the payload's parse.
struct EventRecord {
  Uuid id;
  std::int64_t timestamp_ns = 0;           // Unix time of the event
  std::int64_t observed_timestamp_ns = 0;  // when the edge received it
  int severity_number = 0;                 // 1 to 24; 0 = unspecified
  std::string severity_text;
  std::string service;  // resource's service.name
  std::string body;     // text, or JSON when body_is_json
  bool body_is_json = false;
  std::string trace_id;  // 32 hex digits or ""
  std::string span_id;   // 16 hex digits or ""
  int trace_flags = 0;
  std::string event_name;
  std::string attributes;  // JSON object
  std::string resource;    // JSON object
  std::string scope;       // JSON object
};

// Permanent error, naming the field, for what is not a stored form.
Result<EventRecord> decode_stored(std::string_view payload);

}  // namespace stormlog::pipeline
