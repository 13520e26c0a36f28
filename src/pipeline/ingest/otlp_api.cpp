// POST /v1/logs: OTLP over HTTP, answered in the encoding of the request.
//
// What is refused for good while the rest is accepted is a partial success (200), which a client
// must not repeat; 429, 502, 503 and 504 are the only codes after which it repeats.
// Source: OTLP specification 1.x, "OTLP/HTTP Response" and "Failures"; google/rpc/status.proto.
#include <protozero/pbf_writer.hpp>

#include "pipeline/event/json_text.hpp"
#include "pipeline/ingest/apis.hpp"
#include "pipeline/ingest/ingest_tally.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::string_view kProtobuf = "application/x-protobuf";

// google.rpc.Code of an HTTP status. Source: google/rpc/code.proto.
int rpc_code(int status) {
  switch (status) {
    case 401:
      return 16;  // UNAUTHENTICATED
    case 403:
      return 7;  // PERMISSION_DENIED
    case 409:
      return 10;  // ABORTED
    case 413:
    case 429:
      return 8;  // RESOURCE_EXHAUSTED
    case 503:
      return 14;  // UNAVAILABLE
    case 504:
      return 4;  // DEADLINE_EXCEEDED
    default:
      return 3;  // INVALID_ARGUMENT
  }
}

http::Response encoded(const http::Request& request, int status, std::string protobuf,
                       std::string json) {
  if (request.media_type() != kProtobuf) return http::Response::json(status, std::move(json));
  return {status, {{"Content-Type", std::string(kProtobuf)}}, std::move(protobuf)};
}

// A google.rpc.Status.
http::Response failure(const http::Request& request, int status, std::string_view message) {
  const int code = rpc_code(status);
  std::string protobuf;
  protozero::pbf_writer writer(protobuf);
  writer.add_int32(1, code);
  writer.add_string(2, message.data(), message.size());
  std::string json = R"({"code":)";
  json_text::append_number(code, json);
  json += R"(,"message":)";
  json_text::append_quoted(message, json);
  json += '}';
  return encoded(request, status, std::move(protobuf), std::move(json));
}

// An ExportLogsServiceResponse.
http::Response success(const http::Request& request, std::size_t rejected,
                       std::string_view message) {
  std::string protobuf;
  std::string json = "{}";
  if (rejected > 0) {
    std::string partial;
    protozero::pbf_writer partial_writer(partial);
    partial_writer.add_int64(1, static_cast<std::int64_t>(rejected));
    partial_writer.add_string(2, message.data(), message.size());
    protozero::pbf_writer(protobuf).add_message(1, partial);
    json = R"({"partialSuccess":{"rejectedLogRecords":")" + std::to_string(rejected) +
           R"(","errorMessage":)";
    json_text::append_quoted(message, json);
    json += "}}";
  }
  return encoded(request, 200, std::move(protobuf), std::move(json));
}

class OtlpApi final : public IngestApi {
 public:
  std::string_view path() const override { return "/v1/logs"; }
  Protocol protocol() const override { return Protocol::otlp; }
  http::Response answer(const http::Request& request, const ParsedRecords& records,
                        std::span<const EventOutcome> outcomes) const override;
  http::Response refuse(const http::Request& request, const Refusal& refusal) const override;
};

http::Response OtlpApi::answer(const http::Request& request, const ParsedRecords& records,
                               std::span<const EventOutcome> outcomes) const {
  const IngestTally tally = tally_of(records, outcomes);
  const std::string message =
      tally.accepted == records.total ? std::string() : describe_errors(records, outcomes);
  int status = tally.status();
  if (status == 202) return success(request, tally.refused, message);
  if (status == 422) status = 400;  // the code that OTLP has for bad data
  http::Response response = failure(request, status, message);
  if (status == 503) response.headers.set("Retry-After", "1");
  return response;
}

http::Response OtlpApi::refuse(const http::Request& request, const Refusal& refusal) const {
  http::Response response = failure(request, refusal.status, refusal.detail);
  for (const auto& [name, value] : refusal.headers) response.headers.set(name, value);
  return response;
}

}  // namespace

const IngestApi& otlp_api() {
  static const OtlpApi kApi;
  return kApi;
}

}  // namespace stormlog::pipeline
