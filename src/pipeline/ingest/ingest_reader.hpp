#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"
#include "common/http/message.hpp"
#include "pipeline/format/format.hpp"
#include "pipeline/ingest/ingest_api.hpp"
#include "pipeline/ingest/refusal.hpp"

namespace stormlog::pipeline {

// Reads what is posted to any of the APIs: media type, Content-Encoding, Idempotency-Key,
// traceparent, events.
//
// Threads: caller synchronises.
class IngestReader {
 public:
  // `max_body_bytes`: of a body once it is decompressed; more is answered 413.
  IngestReader(const Clock& clock, Random random, std::size_t max_body_bytes);

  // The events, some or all of them refused by index; or why the request is refused as a whole:
  // 400, 413 or 415. Decompresses the request's body in place.
  std::variant<ParsedRecords, Refusal> read(const IngestApi& api, http::Request& request);

 private:
  Format* format_of(const IngestApi& api, const http::Request& request);
  std::optional<Refusal> unpack(http::Request& request) const;

  const Clock& clock_;
  UuidV7Generator ids_;
  std::size_t max_body_bytes_;
  std::vector<std::unique_ptr<Format>> formats_;  // in the order of formats()
};

}  // namespace stormlog::pipeline
