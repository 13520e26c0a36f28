#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/uuid.hpp"

namespace stormlog::pipeline {

// Why one record is refused. `code` is one of: invalid, missing, duplicate, too_large, too_deep,
// not_an_object.
struct FieldError {
  std::string code;
  std::string field;  // the record's member; "" for the record as a whole
  std::string detail;
};

// What a parser, of whatever format, has found of one event. Kept and cleared between events, so
// that the strings keep their memory.
struct EventFields {
  std::optional<Uuid> id;
  std::optional<std::string> key;
  std::optional<std::int64_t> timestamp_ns;
  std::optional<int> severity_number;
  std::string severity_text;
  std::string service;
  std::string event_name;
  std::string trace_id;
  std::string span_id;
  std::optional<int> trace_flags;
  // JSON text. Objects without their braces; "" where absent.
  std::string body;
  std::string attributes;
  std::string resource;
  std::string scope;

  void clear();
};

// Checks what no single field shows, and fills in what follows from others: severity text from
// number and back. Call once, after the last field.
std::optional<FieldError> complete(EventFields& fields);

// Appends the stored form. See docs/event.md.
void append_stored_form(const EventFields& fields, const Uuid& id, std::int64_t observed_ns,
                        std::string& out);

}  // namespace stormlog::pipeline
