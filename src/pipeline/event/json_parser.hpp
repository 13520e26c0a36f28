#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/uuid.hpp"
#include "pipeline/event/event_fields.hpp"

namespace stormlog::pipeline {

struct RecordError {
  std::uint32_t index = 0;  // in the request
  FieldError error;
};

// The events of one request, ready to be sent on; and the records that are none.
struct ParsedRecords {
  std::string frames;       // of batch_codec.hpp
  std::uint32_t count = 0;  // of frames
  std::uint32_t total = 0;  // of records: frames and errors
  // The record of each frame; empty where no record was refused, and they are the same.
  std::vector<std::uint32_t> indices;
  std::vector<RecordError> errors;
  bool single = false;  // one object, not an array
  Uuid last_id;         // of the last frame

  std::uint32_t record_of(std::uint32_t frame) const {
    return indices.empty() ? frame : indices[frame];
  }
};

// What a request says about all its events.
struct IngestContext {
  std::int64_t received_ns = 0;      // Unix time; becomes observed_timestamp
  std::string_view idempotency_key;  // "" or checked with is_idempotency_key()
  std::string_view traceparent;      // "" or checked with is_traceparent()
  UuidV7Generator* ids = nullptr;    // for events without an id of their own
};

// Reads events as JSON: one object, or an array of them. Fields, limits and what becomes of
// unknown members: docs/event.md.
//
// Threads: caller synchronises; keep one for a thread, its buffers are used again.
// Errors:  permanent, with code "400" for what is not JSON and "413" for too many records; nothing
//          of the request is used then. One bad record is an entry in `errors`.
// Source:  RFC 8259; OpenTelemetry log data model.
class JsonParser {
 public:
  JsonParser();
  ~JsonParser();
  JsonParser(JsonParser&&) noexcept;
  JsonParser& operator=(JsonParser&&) noexcept;

  // May enlarge the capacity of `body`: simdjson reads a little behind the end.
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stormlog::pipeline
