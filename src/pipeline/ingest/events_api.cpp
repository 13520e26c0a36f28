// POST /api/v1/logs: our own answers, which say what became of each event.
// Source: docs/pipeline-write-path.md; RFC 9457.
#include "pipeline/event/json_text.hpp"
#include "pipeline/ingest/apis.hpp"
#include "pipeline/ingest/ingest_tally.hpp"

namespace stormlog::pipeline {
namespace {

void append_error(std::uint32_t index, std::string_view code, std::string_view field,
                  std::string_view detail, std::string& out) {
  if (out.back() != '[') out += ',';
  out += R"({"index":)";
  json_text::append_number(index, out);
  out += R"(,"code":)";
  json_text::append_quoted(code, out);
  if (!field.empty()) {
    out += R"(,"field":)";
    json_text::append_quoted(field, out);
  }
  out += R"(,"detail":)";
  json_text::append_quoted(detail, out);
  out += '}';
}

void append_members(const ParsedRecords& records, std::span<const EventOutcome> outcomes,
                    const IngestTally& tally, std::string& out) {
  out += R"("accepted":)";
  json_text::append_number(static_cast<std::int64_t>(tally.accepted), out);
  out += R"(,"rejected":)";
  json_text::append_number(static_cast<std::int64_t>(tally.refused), out);
  out += R"(,"errors":[)";
  if (tally.accepted != records.total) {
    for_each_error(records, outcomes,
                   [&](std::uint32_t index, std::string_view code, std::string_view field,
                       std::string_view detail) { append_error(index, code, field, detail, out); });
  }
  out += ']';
}

class EventsApi final : public IngestApi {
 public:
  std::string_view path() const override { return "/api/v1/logs"; }
  Protocol protocol() const override { return Protocol::events; }
  http::Response answer(const http::Request& request, const ParsedRecords& records,
                        std::span<const EventOutcome> outcomes) const override;
  http::Response refuse(const http::Request& request, const Refusal& refusal) const override;
};

http::Response EventsApi::answer(const http::Request&, const ParsedRecords& records,
                                 std::span<const EventOutcome> outcomes) const {
  const IngestTally tally = tally_of(records, outcomes);
  const int status = tally.status();
  std::string body = "{";
  if (status == 202) {
    append_members(records, outcomes, tally, body);
    // For senders that leave it to us, and want to find their event again.
    if (records.single) body += R"(,"id":")" + records.last_id.to_string() + '"';
    body += '}';
    return http::Response::json(202, std::move(body));
  }
  // The codes above 500 carry the same members, so that a client can retry just what needs it.
  body += R"("type":"about:blank","title":)";
  json_text::append_quoted(http::reason_phrase(status), body);
  body += R"(,"status":)";
  json_text::append_number(status, body);
  body += R"(,"detail":)";
  json_text::append_quoted(summary_of(status), body);
  body += ',';
  append_members(records, outcomes, tally, body);
  body += '}';
  http::Response response;
  response.status = status;
  response.headers.set("Content-Type", "application/problem+json");
  if (status == 503) response.headers.set("Retry-After", "1");
  response.body = std::move(body);
  return response;
}

http::Response EventsApi::refuse(const http::Request&, const Refusal& refusal) const {
  http::Response response = http::problem(refusal.status, refusal.detail);
  for (const auto& [name, value] : refusal.headers) response.headers.set(name, value);
  return response;
}

}  // namespace

const IngestApi& events_api() {
  static const EventsApi kApi;
  return kApi;
}

}  // namespace stormlog::pipeline
