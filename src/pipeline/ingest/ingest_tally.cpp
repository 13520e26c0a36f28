#include "pipeline/ingest/ingest_tally.hpp"

namespace stormlog::pipeline {

IngestTally tally_of(const ParsedRecords& records, std::span<const EventOutcome> outcomes) {
  IngestTally tally;
  for (const RecordError& error : records.errors) {
    ++tally.refused;
    if (error.error.code == "too_large" && error.error.field.empty()) ++tally.too_large;
    if (error.error.code == "malformed") ++tally.malformed;
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

int IngestTally::status() const {
  if (unknown > 0) return 504;
  if (unavailable > 0) return 503;
  if (accepted > 0 || refused == 0) return 202;
  if (too_large == refused) return 413;
  return malformed == refused ? 400 : 422;
}

std::string_view summary_of(int status) {
  switch (status) {
    case 400:
      return "no event of the request can be read";
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

std::string describe_errors(const ParsedRecords& records, std::span<const EventOutcome> outcomes) {
  constexpr std::size_t kTold = 5;
  std::size_t count = 0;
  std::string list;
  for_each_error(
      records, outcomes,
      [&](std::uint32_t index, std::string_view, std::string_view field, std::string_view detail) {
        if (++count > kTold) return;
        list += "; record " + std::to_string(index) + ": ";
        if (!field.empty()) list += std::string(field) + ": ";
        list += detail;
      });
  if (count > kTold) list += "; and others";
  return std::to_string(count) + " of " + std::to_string(records.total) +
         " records are not accepted" + list;
}

}  // namespace stormlog::pipeline
