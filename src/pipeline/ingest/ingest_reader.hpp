#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"
#include "common/http/message.hpp"
#include "pipeline/event/json_parser.hpp"

namespace stormlog::pipeline {

// Reads POST /api/v1/logs, wherever it is served: media type, Idempotency-Key, traceparent, events.
//
// Threads: caller synchronises.
class IngestReader {
 public:
  IngestReader(const Clock& clock, Random random) : clock_(clock), ids_(clock, random) {}

  struct Refusal {
    http::Response response;
    std::string_view reason;  // a label of ingest_rejected_total
  };
  // The events, some or all of them refused by index; or the answer to a request that is refused
  // as a whole: 400, 413 or 415.
  std::variant<ParsedRecords, Refusal> read(http::Request& request);

 private:
  const Clock& clock_;
  UuidV7Generator ids_;
  JsonParser json_;
};

}  // namespace stormlog::pipeline
