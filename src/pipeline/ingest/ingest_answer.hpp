#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/http/message.hpp"
#include "common/telemetry/metrics.hpp"
#include "pipeline/event/batch_codec.hpp"
#include "pipeline/event/json_parser.hpp"

namespace stormlog::pipeline {

// The answer to a request whose events came to these ends, one for each frame of `records`.
//
//   202  at least one event is accepted, and what is not was refused for good: listed in `errors`
//   422  all were refused for good; 413 where it was for their size alone
//   504  at least one may or may not be in Kafka: retry with the same ids
//   503  none of those, but at least one is not in Kafka: retry later
//
// The codes above 500 carry the same members, so that a client can retry just what needs it.
http::Response ingest_answer(const ParsedRecords& records, std::span<const EventOutcome> outcomes);

// 503 with Retry-After: whole seconds, at least one.
http::Response unavailable(std::string_view detail, Nanoseconds retry_after);
// 504: may be stored.
http::Response outcome_unknown(std::string_view detail);

// ingest_rejected_total{reason}: requests and events that were not taken, by reason.
class RejectedCounter {
 public:
  explicit RejectedCounter(telemetry::Metrics& metrics) : metrics_(metrics) {}
  void add(std::string_view reason, double count = 1) const;

 private:
  telemetry::Metrics& metrics_;
};

}  // namespace stormlog::pipeline
