// The way back from cache-only mode: from Redis to the store, in order and at a bounded rate.

#include <algorithm>

#include "common/base/log.hpp"
#include "pipeline/consumer/ingest_core.hpp"
#include "pipeline/consumer/parse_record.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kTidyInterval = 1s;
constexpr auto kTidyRetry = 10s;  // a Redis that is away must not slow the store down
constexpr auto kLookInterval = 10s;

}  // namespace

void IngestCore::drain() {
  const std::vector<int> partitions = intake_.in(Lane::drain);
  if (partitions.empty() || clock_.now() < drain_at_) return;
  std::vector<PartitionBatch> pages;
  for (const int partition : partitions) {
    if (std::optional<PartitionBatch> page = next_page(partition, partitions.size())) {
      pages.push_back(std::move(*page));
    }
  }
  if (pages.empty()) return;
  begin_store(std::move(pages));
  const std::int64_t records = settle();
  metrics_.spill_drained.add(static_cast<double>(records));
  drain_at_ = std::max(drain_at_, clock_.now()) + Nanoseconds{1s} * records / config_.drain_rate;
  // Only what is committed leaves Redis.
  std::map<int, std::int64_t> committed;
  for (const int partition : intake_.in(Lane::drain)) {
    committed[partition] = *intake_.stored(partition);
  }
  if (!committed.empty()) (void)spiller_.trim(committed);  // else the next trim takes it along
  publish();
}

std::size_t IngestCore::page_records(int partition, std::size_t sharers) const {
  const std::size_t most = std::max<std::size_t>(1, config_.batch.max_rows / sharers);
  const std::optional<SpillState> state = spiller_.known(partition);
  if (!state || state->records == 0) return most;
  const std::uint64_t each =
      std::max<std::uint64_t>(1, state->bytes / static_cast<std::uint64_t>(state->records));
  return std::clamp<std::size_t>(config_.batch.max_bytes / sharers / each, 1, most);
}

// Empty where there is nothing more, a hole, or Redis is away: then the partition's place is
// decided anew.
std::optional<PartitionBatch> IngestCore::next_page(int partition, std::size_t sharers) {
  PartitionBatch page;
  page.partition = partition;
  page.expected = *intake_.stored(partition);
  page.next = intake_.expected(partition);
  const auto spilled = spiller_.read(partition, page.next, page_records(partition, sharers));
  if (!spilled) {
    if (warn_now("drain:" + spilled.error().code)) {
      log::warn("what is spilled cannot be read", {{"error", spilled.error().message}});
    }
    intake_.unposition(partition);
    return std::nullopt;
  }
  for (const SpilledRecord& one : *spilled) {
    if (one.after > page.next) break;
    if (one.offset > page.next) page.gaps[one.offset] = one.offset - page.next;
    SourceRecord record;
    record.partition = partition;
    record.offset = one.offset;
    if (one.produced != WallTime{}) record.timestamp = one.produced;
    record.key = one.key;
    record.payload = one.payload;
    record.id = one.id;
    record.traceparent = one.trace.traceparent;
    record.tracestate = one.trace.tracestate;
    parse(record, page);
    page.next = one.offset + 1;
  }
  if (page.rows.empty() && page.dead.empty()) {
    intake_.unposition(partition);
    return std::nullopt;
  }
  return page;
}

// Removes what was passed by: Kafka was read instead while Redis was away or had a hole, or a trim
// failed; or an instance that slept spilled records of a partition that it had lost by then.
void IngestCore::tidy() {
  if (!spiller_.enabled() || clock_.now() < tidy_at_) return;
  tidy_at_ = clock_.now() + kTidyInterval;
  const std::vector<int> partitions = intake_.in(Lane::store);
  if (partitions.empty()) return;
  // Nothing tells this instance what another one has written.
  if (clock_.now() >= look_at_) {
    look_at_ = clock_.now() + kLookInterval;
    if (!spiller_.look(partitions)) {
      tidy_at_ = clock_.now() + kTidyRetry;
      return;
    }
  }
  std::map<int, std::int64_t> below;
  for (const int partition : partitions) {
    const std::optional<SpillState> state = spiller_.known(partition);
    if (!state || state->records > 0) below[partition] = *intake_.stored(partition);
  }
  if (below.empty()) return;
  if (!spiller_.trim(below)) tidy_at_ = clock_.now() + kTidyRetry;
  publish();
}

}  // namespace stormlog::pipeline
