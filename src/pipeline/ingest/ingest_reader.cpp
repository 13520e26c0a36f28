#include "pipeline/ingest/ingest_reader.hpp"

#include "common/compression/compression.hpp"
#include "pipeline/event/identity.hpp"
#include "pipeline/event/tracestate.hpp"
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

// What a header says, fit to be said back: a field's value may be any bytes.
std::string printable(std::string_view text) {
  std::string shown(text.substr(0, 100));
  for (char& c : shown) {
    if (c < 0x20 || c > 0x7E) c = '?';
  }
  return shown;
}

Refusal wrong_type(const IngestApi& api, const http::Request& request) {
  const std::string type = printable(request.media_type());
  std::string offered = media_types(api.protocol());
  return Refusal::media_type(
      "Content-Type is " + (type.empty() ? "missing" : type) + "; send one of " + offered,
      "Accept-Post", offered);
}

// The request's traceparent in the version that is known here; "" where it is none, or where there
// are several.
std::string traceparent_of(const http::Headers& headers) {
  if (headers.count("traceparent") != 1) return {};
  return normalise_traceparent(headers.get("traceparent"));
}

// Several fields are one list. Source: RFC 9110 §5.3.
std::string tracestate_of(const http::Headers& headers) {
  if (headers.count("tracestate") == 1) return normalise_tracestate(headers.get("tracestate"));
  std::string list;
  for (const auto& [name, value] : headers) {
    if (http::lower_case(name) == "tracestate") list += (list.empty() ? "" : ",") + value;
  }
  return normalise_tracestate(list);
}

void append_hex(std::uint64_t value, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) out += kDigits[value >> shift & 15];
}

// Not sampled: nobody has asked for it.
std::string new_traceparent(Random& random) {
  std::string text = "00-";
  append_hex(random.next(), text);
  append_hex(random.next() | 1, text);  // an id is not all zero
  text += '-';
  append_hex(random.next() | 1, text);
  return text + "-00";
}

}  // namespace

IngestReader::IngestReader(const Clock& clock, Random random, const IngestConfig& config,
                           std::size_t max_body_bytes)
    : clock_(clock),
      random_(random.fork("traces")),
      ids_(clock, random),
      keys_(static_cast<std::size_t>(config.idempotency_keys)),
      max_body_bytes_(max_body_bytes) {
  for (const FormatEntry& entry : formats()) formats_.push_back(entry.make());
}

std::optional<std::size_t> IngestReader::format_of(const IngestApi& api,
                                                   const http::Request& request) {
  std::string type = request.media_type();
  if (type.empty()) type = "application/json";
  for (std::size_t i = 0; i < formats().size(); ++i) {
    const FormatEntry& entry = formats()[i];
    if (entry.protocol != api.protocol()) continue;
    if (entry.header.empty() ? entry.media_type == type : request.headers.has(entry.header)) {
      return i;
    }
  }
  return std::nullopt;
}

// Without a valid traceparent there is nothing that a tracestate could belong to; without a valid
// tracestate the trace goes on. Source: W3C Trace Context §2.2.4, §4.3.
void IngestReader::read_trace(http::Headers& headers, IngestContext& context, TraceContext& trace) {
  if (!headers.has("traceparent")) return;
  trace.traceparent = traceparent_of(headers);
  if (trace.traceparent.empty()) {
    trace.traceparent = new_traceparent(random_);
    headers.set("traceparent", trace.traceparent);
    context.new_traceparent = trace.traceparent;
    return;
  }
  context.traceparent = trace.traceparent;
  if (!headers.has("tracestate")) return;
  trace.tracestate = tracestate_of(headers);
  context.tracestate = trace.tracestate;
}

std::optional<Refusal> IngestReader::unpack(const FormatEntry& format,
                                            http::Request& request) const {
  const std::string_view name = request.headers.get("Content-Encoding");
  if (!name.empty() && name == format.own_encoding) return std::nullopt;
  const auto encoding = content_encoding(name);
  if (!encoding) {
    return Refusal::media_type(
        "Content-Encoding is " + printable(name) + "; send one of " + content_encodings(),
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

std::variant<ReadRequest, Refusal> IngestReader::read(const IngestApi& api,
                                                      http::Request& request) {
  const auto format = format_of(api, request);
  if (!format) return wrong_type(api, request);
  TraceContext trace;
  IngestContext context;
  read_trace(request.headers, context, trace);
  context.received_ns = clock_.wall_now().time_since_epoch().count();
  context.ids = &ids_;
  context.headers = &request.headers;
  context.max_body_bytes = max_body_bytes_;
  const bool keyed = request.headers.has("Idempotency-Key");
  if (keyed) {
    context.idempotency_key = request.headers.get("Idempotency-Key");
    if (!is_idempotency_key(context.idempotency_key)) {
      return Refusal::malformed("Idempotency-Key must be 1 to 255 visible ASCII characters");
    }
  }
  if (auto refusal = unpack(formats()[*format], request)) return *std::move(refusal);
  ReadRequest read;
  if (keyed) {
    auto claim = keys_.claim(context.idempotency_key, request.body);
    if (!claim) {
      return Refusal::conflict(
          "this Idempotency-Key was sent with another body before; give each request its own");
    }
    read.claim = *std::move(claim);
  }
  auto records = formats_[*format]->parse(request.body, context);
  if (records.ok()) {
    read.records = std::move(*records);
    return read;
  }
  return records.error().code == "413" ? Refusal::too_large(records.error().message)
                                       : Refusal::malformed(records.error().message);
}

}  // namespace stormlog::pipeline
