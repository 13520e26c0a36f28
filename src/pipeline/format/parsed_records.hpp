#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/uuid.hpp"
#include "common/http/message.hpp"
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
  bool single = false;  // one event, not a list
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
  std::string_view tracestate;       // "" or of normalise_tracestate(); with a traceparent alone
  // Of a new trace, for events that have none of their own: where the request's was not valid.
  std::string_view new_traceparent;
  UuidV7Generator* ids = nullptr;  // for events without an id of their own
  // For formats that are compressed in themselves: beyond, error "413".
  std::size_t max_body_bytes = 64 * 1024 * 1024;
  // For formats that say something there; may be null.
  const http::Headers* headers = nullptr;
};

}  // namespace stormlog::pipeline
