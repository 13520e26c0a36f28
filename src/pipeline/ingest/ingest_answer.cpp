#include "pipeline/ingest/ingest_answer.hpp"

#include <algorithm>

#include "pipeline/event/json_text.hpp"

namespace stormlog::pipeline {
namespace {

// Events of one request by their end.
struct Tally {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  std::size_t too_large = 0;  // of the refused
  std::size_t unavailable = 0;
  std::size_t unknown = 0;
};

Tally tally_of(const ParsedRecords& records, std::span<const EventOutcome> outcomes) {
  Tally tally;
  for (const RecordError& error : records.errors) {
    ++tally.refused;
    if (error.error.code == "too_large" && error.error.field.empty()) ++tally.too_large;
  }
  for (const EventOutcome outcome : outcomes) {
    switch (outcome) {
      case EventOutcome::accepted:
        ++tally.accepted;
        break;
      case EventOutcome::too_large:
        ++tally.too_large;
        ++tally.refused;
        break;
      case EventOutcome::refused:
        ++tally.refused;
        break;
      case EventOutcome::unavailable:
        ++tally.unavailable;
        break;
      case EventOutcome::unknown:
        ++tally.unknown;
        break;
    }
  }
  return tally;
}

int status_of(const Tally& tally) {
  if (tally.unknown > 0) return 504;
  if (tally.unavailable > 0) return 503;
  if (tally.accepted > 0 || tally.refused == 0) return 202;
  return tally.too_large == tally.refused ? 413 : 422;
}

std::string_view summary_of(int status) {
  switch (status) {
    case 413:
      return "the events are too large";
    case 422:
      return "no event of the request is valid";
    case 503:
      return "some events are not stored: retry those that are listed";
    default:
      return "it is not known whether some events are stored: retrying with the same ids is safe";
  }
}

std::string_view detail_of(EventOutcome outcome) {
  switch (outcome) {
    case EventOutcome::too_large:
      return "larger than Kafka takes";
    case EventOutcome::refused:
      return "refused by Kafka";
    case EventOutcome::unavailable:
      return "not stored; retry later";
    default:
      return "may be stored; retrying with the same id is safe";
  }
}

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

// In the order of the records.
void append_errors(const ParsedRecords& records, std::span<const EventOutcome> outcomes,
                   std::string& out) {
  std::size_t next = 0;  // of records.errors
  const auto up_to = [&](std::uint32_t index) {
    for (; next < records.errors.size() && records.errors[next].index < index; ++next) {
      const auto& [at, error] = records.errors[next];
      append_error(at, error.code, error.field, error.detail, out);
    }
  };
  for (std::uint32_t frame = 0; frame < outcomes.size(); ++frame) {
    if (outcomes[frame] == EventOutcome::accepted) continue;
    const std::uint32_t index = records.record_of(frame);
    up_to(index);
    append_error(index, to_string(outcomes[frame]), "", detail_of(outcomes[frame]), out);
  }
  up_to(records.total);
}

void append_members(const ParsedRecords& records, std::span<const EventOutcome> outcomes,
                    const Tally& tally, std::string& out) {
  out += R"("accepted":)";
  json_text::append_number(static_cast<std::int64_t>(tally.accepted), out);
  out += R"(,"rejected":)";
  json_text::append_number(static_cast<std::int64_t>(tally.refused), out);
  out += R"(,"errors":[)";
  if (tally.accepted != records.total) append_errors(records, outcomes, out);
  out += ']';
}

}  // namespace

http::Response ingest_answer(const ParsedRecords& records, std::span<const EventOutcome> outcomes) {
  const Tally tally = tally_of(records, outcomes);
  const int status = status_of(tally);
  std::string body = "{";
  if (status == 202) {
    append_members(records, outcomes, tally, body);
    // For senders that leave it to us, and want to find their event again.
    if (records.single) body += R"(,"id":")" + records.last_id.to_string() + '"';
    body += '}';
    return http::Response::json(202, std::move(body));
  }
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

http::Response unavailable(std::string_view detail, Nanoseconds retry_after) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(retry_after).count();
  return http::problem(503, detail, static_cast<int>(std::clamp<std::int64_t>(seconds, 1, 3600)));
}

http::Response outcome_unknown(std::string_view detail) {
  return http::problem(504, detail);
}

void RejectedCounter::add(std::string_view reason, double count) const {
  metrics_
      .counter("ingest_rejected_total", "Requests or events that were not taken, by reason.",
               {{"reason", std::string(reason)}})
      .add(count);
}

}  // namespace stormlog::pipeline
