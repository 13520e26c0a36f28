#include "pipeline/ingest/ingest_reader.hpp"

#include "common/compression/compression.hpp"
#include "pipeline/event/identity.hpp"
#include "pipeline/ingest/content_encoding.hpp"

namespace stormlog::pipeline {
namespace {

// What Accept-Post offers.
std::string media_types(Protocol protocol) {
  std::string types;
  for (const FormatEntry& entry : formats()) {
    if (entry.protocol != protocol || entry.media_type.empty()) continue;
    types += (types.empty() ? "" : ", ") + std::string(entry.media_type);
  }
  return types;
}

Refusal wrong_type(const IngestApi& api, const http::Request& request) {
  const std::string type = request.media_type();
  std::string offered = media_types(api.protocol());
  return Refusal::media_type(
      "Content-Type is " + (type.empty() ? "missing" : type) + "; send one of " + offered,
      "Accept-Post", offered);
}

}  // namespace

IngestReader::IngestReader(const Clock& clock, Random random, std::size_t max_body_bytes)
    : clock_(clock), ids_(clock, random), max_body_bytes_(max_body_bytes) {
  for (const FormatEntry& entry : formats()) formats_.push_back(entry.make());
}

Format* IngestReader::format_of(const IngestApi& api, const http::Request& request) {
  std::string type = request.media_type();
  if (type.empty()) type = "application/json";
  for (std::size_t i = 0; i < formats_.size(); ++i) {
    const FormatEntry& entry = formats()[i];
    if (entry.protocol != api.protocol()) continue;
    if (entry.header.empty() ? entry.media_type == type : request.headers.has(entry.header)) {
      return formats_[i].get();
    }
  }
  return nullptr;
}

std::optional<Refusal> IngestReader::unpack(http::Request& request) const {
  const std::string_view name = request.headers.get("Content-Encoding");
  const auto encoding = content_encoding(name);
  if (!encoding) {
    return Refusal::media_type(
        "Content-Encoding is " + std::string(name) + "; send one of " + content_encodings(),
        "Accept-Encoding", content_encodings());
  }
  if (encoding->undo == nullptr) return std::nullopt;
  auto body = encoding->undo(request.body, max_body_bytes_);
  if (body.ok()) {
    request.body = *std::move(body);
    return std::nullopt;
  }
  const std::string detail = "the body is " + body.error().message;
  if (body.error().code == compression::kTooLarge) return Refusal::too_large(detail);
  return Refusal::malformed("Content-Encoding is " + std::string(encoding->name) + ": " +
                            body.error().message);
}

std::variant<ParsedRecords, Refusal> IngestReader::read(const IngestApi& api,
                                                        http::Request& request) {
  Format* format = format_of(api, request);
  if (format == nullptr) return wrong_type(api, request);
  IngestContext context;
  context.received_ns = clock_.wall_now().time_since_epoch().count();
  context.ids = &ids_;
  context.headers = &request.headers;
  // A trace context that is not one is to be ignored. Source: W3C Trace Context §3.2.
  const std::string_view traceparent = request.headers.get("traceparent");
  if (is_traceparent(traceparent)) context.traceparent = traceparent;
  if (request.headers.has("Idempotency-Key")) {
    context.idempotency_key = request.headers.get("Idempotency-Key");
    if (!is_idempotency_key(context.idempotency_key)) {
      return Refusal::malformed("Idempotency-Key must be 1 to 255 visible ASCII characters");
    }
  }
  if (auto refusal = unpack(request)) return *std::move(refusal);
  auto records = format->parse(request.body, context);
  if (records.ok()) return std::move(*records);
  return records.error().code == "413" ? Refusal::too_large(records.error().message)
                                       : Refusal::malformed(records.error().message);
}

}  // namespace stormlog::pipeline
