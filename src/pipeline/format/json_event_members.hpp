#pragma once

#include <string_view>

// Private to this folder's .cpp files.
namespace stormlog::pipeline {

// The members of an event in our own JSON.
enum class Field {
  id,
  key,
  timestamp,
  observed_timestamp,
  severity_text,
  severity,
  severity_number,
  body,
  service,
  resource,
  scope,
  attributes,
  trace_id,
  span_id,
  trace_flags,
  event_name,
  other,
};

// `other` for a name that is none of them.
Field field_of(std::string_view name);

}  // namespace stormlog::pipeline
