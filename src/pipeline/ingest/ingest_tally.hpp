#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/event/batch_codec.hpp"
#include "pipeline/format/parsed_records.hpp"

namespace stormlog::pipeline {

// What became of the events of one request.
struct IngestTally {
  std::size_t accepted = 0;
  std::size_t refused = 0;    // for good
  std::size_t too_large = 0;  // of the refused
  std::size_t malformed = 0;  // of the refused
  std::size_t unavailable = 0;
  std::size_t unknown = 0;

  // The code of the whole:
  //   504  at least one may or may not be in Kafka: retry with the same ids
  //   503  none of those, but at least one is not in Kafka: retry later
  //   202  at least one event is accepted, and what is not was refused for good
  //   422  all were refused for good; 413 where it was for their size alone, 400 where none could
  //        be read at all
  int status() const;
  bool may_be_stored() const { return accepted + unknown > 0; }
};

IngestTally tally_of(const ParsedRecords& records, std::span<const EventOutcome> outcomes);

// What a person is told about an event that is not accepted, or about all of them.
std::string_view detail_of(EventOutcome outcome);
std::string_view summary_of(int status);

// Calls tell(index, code, field, detail) for each record that is not accepted, in order.
template <typename Tell>
void for_each_error(const ParsedRecords& records, std::span<const EventOutcome> outcomes,
                    Tell tell) {
  std::size_t next = 0;  // of records.errors
  const auto up_to = [&](std::uint32_t index) {
    for (; next < records.errors.size() && records.errors[next].index < index; ++next) {
      const auto& [at, error] = records.errors[next];
      tell(at, std::string_view(error.code), std::string_view(error.field),
           std::string_view(error.detail));
    }
  };
  for (std::uint32_t frame = 0; frame < outcomes.size(); ++frame) {
    if (outcomes[frame] == EventOutcome::accepted) continue;
    const std::uint32_t index = records.record_of(frame);
    up_to(index);
    tell(index, to_string(outcomes[frame]), std::string_view(), detail_of(outcomes[frame]));
  }
  up_to(records.total);
}

// "2 of 5 records are not accepted; record 1: …", with the first few.
std::string describe_errors(const ParsedRecords& records, std::span<const EventOutcome> outcomes);

}  // namespace stormlog::pipeline
