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
#include "pipeline/ingest/idempotency_keys.hpp"
#include "pipeline/ingest/ingest_api.hpp"
#include "pipeline/ingest/ingest_config.hpp"
#include "pipeline/ingest/refusal.hpp"

namespace stormlog::pipeline {

// A request that was read.
struct ReadRequest {
  ParsedRecords records;
  // Of its Idempotency-Key; to be kept once its events may be in Kafka.
  IdempotencyKeys::Claim claim;
};

// Reads what is posted to any of the APIs: media type, Content-Encoding, Idempotency-Key, trace
// context, events.
//
// Threads: caller synchronises.
class IngestReader {
 public:
  // `max_body_bytes`: of a body once it is decompressed; more is answered 413.
  IngestReader(const Clock& clock, Random random, const IngestConfig& config,
               std::size_t max_body_bytes);

  // The events, some or all of them refused by index; or why the request is refused as a whole:
  // 400, 409, 413 or 415. Decompresses the request's body in place. A traceparent that is not valid
  // is replaced in the request's headers by that of a new trace, so that logs have its id.
  std::variant<ReadRequest, Refusal> read(const IngestApi& api, http::Request& request);

 private:
  struct TraceContext {
    std::string traceparent;
    std::string tracestate;
  };

  // Its place in formats().
  static std::optional<std::size_t> format_of(const IngestApi& api, const http::Request& request);
  void read_trace(http::Headers& headers, IngestContext& context, TraceContext& trace);
  std::optional<Refusal> unpack(const FormatEntry& format, http::Request& request) const;

  const Clock& clock_;
  Random random_;
  UuidV7Generator ids_;
  IdempotencyKeys keys_;
  std::size_t max_body_bytes_;
  std::vector<std::unique_ptr<Format>> formats_;  // in the order of formats()
};

}  // namespace stormlog::pipeline
