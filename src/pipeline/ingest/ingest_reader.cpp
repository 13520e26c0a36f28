#include "pipeline/ingest/ingest_reader.hpp"

#include "pipeline/event/identity.hpp"

namespace stormlog::pipeline {
namespace {

using Refusal = IngestReader::Refusal;

std::optional<Refusal> check_media(const http::Request& request) {
  const std::string type = request.media_type();
  if (type != "application/json" && !type.empty()) {
    Refusal refusal{http::problem(415, "Content-Type is " + type +
                                           "; send application/json: one event or an array"),
                    "media_type"};
    refusal.response.headers.set("Accept-Post", "application/json");
    return refusal;
  }
  const std::string_view encoding = request.headers.get("Content-Encoding");
  if (!encoding.empty() && encoding != "identity") {
    Refusal refusal{http::problem(415, "Content-Encoding is " + std::string(encoding) +
                                           "; send the body as it is"),
                    "media_type"};
    refusal.response.headers.set("Accept-Encoding", "identity");
    return refusal;
  }
  return std::nullopt;
}

}  // namespace

std::variant<ParsedRecords, Refusal> IngestReader::read(http::Request& request) {
  if (auto refusal = check_media(request)) return *std::move(refusal);
  IngestContext context;
  context.received_ns = clock_.wall_now().time_since_epoch().count();
  context.ids = &ids_;
  // A trace context that is not one is to be ignored. Source: W3C Trace Context §3.2.
  const std::string_view traceparent = request.headers.get("traceparent");
  if (is_traceparent(traceparent)) context.traceparent = traceparent;
  if (request.headers.has("Idempotency-Key")) {
    context.idempotency_key = request.headers.get("Idempotency-Key");
    if (!is_idempotency_key(context.idempotency_key)) {
      return Refusal{
          http::problem(400, "Idempotency-Key must be 1 to 255 visible ASCII characters"),
          "malformed"};
    }
  }
  auto records = json_.parse(request.body, context);
  if (records.ok()) return std::move(*records);
  const bool large = records.error().code == "413";
  return Refusal{http::problem(large ? 413 : 400, records.error().message),
                 large ? "too_large" : "malformed"};
}

}  // namespace stormlog::pipeline
