#include "pipeline/consumer/conservation.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace stormlog::pipeline {
namespace {

struct Term {
  const char* name;
  std::int64_t Conservation::*value;
};

constexpr Term kTerms[] = {
    {"accepted", &Conservation::accepted},   {"stored", &Conservation::stored},
    {"duplicate", &Conservation::duplicate}, {"dead_letter", &Conservation::dead_letter},
    {"no_record", &Conservation::no_record}, {"spilled", &Conservation::spilled},
    {"in_flight", &Conservation::in_flight},
};

}  // namespace

Conservation conserve(const PartitionAccount& account, std::int64_t high) {
  const PartitionTally& tally = account.stored.tally;
  // What arrived since Kafka was asked may be safe already.
  const std::int64_t end = std::max(high, account.safe_until);
  Conservation all;
  all.accepted = end - tally.start;
  all.stored = tally.stored;
  all.duplicate = tally.duplicates;
  all.dead_letter = tally.dead;
  all.no_record = tally.no_record;
  all.spilled = account.spilled;
  all.in_flight = end - account.safe_until;
  return all;
}

ConservationKeeper::ConservationKeeper(telemetry::Metrics& metrics, const Clock& clock)
    : clock_(clock) {
  const auto each = [state = state_, &clock](const auto& emit) {
    const std::lock_guard lock(state->mutex);
    for (const auto& [partition, kept] : state->by_partition) {
      if (clock.now() - kept.at <= kMaxAge) emit(std::to_string(partition), kept.figures);
    }
  };
  metrics.gauge_source(
      "pipeline_conservation_records",
      "What became of the records that Kafka has accepted: accepted = stored + duplicate + "
      "dead_letter + no_record + spilled + in_flight; absent while unknown",
      [each](const telemetry::Metrics::Emit& emit) {
        each([&](const std::string& partition, const Conservation& figures) {
          for (const Term& term : kTerms) {
            emit({{"partition", partition}, {"term", term.name}},
                 static_cast<double>(figures.*term.value));
          }
        });
      });
  metrics.gauge_source("pipeline_conservation_gap",
                       "accepted less the other terms: 0 when it adds up, above when records are "
                       "missing; absent while unknown",
                       [each](const telemetry::Metrics::Emit& emit) {
                         each([&](const std::string& partition, const Conservation& figures) {
                           emit({{"partition", partition}}, static_cast<double>(figures.gap()));
                         });
                       });
}

void ConservationKeeper::update(const std::map<int, std::int64_t>& high, const Positions& after) {
  const std::lock_guard lock(state_->mutex);
  std::erase_if(state_->by_partition,
                [&](const auto& kept) { return !after.next.contains(kept.first); });
  for (const auto& [partition, account] : after.accounts) {
    const auto end = high.find(partition);
    if (end == high.end()) continue;
    state_->by_partition[partition] = {clock_.now(), conserve(account, end->second)};
  }
}

}  // namespace stormlog::pipeline
