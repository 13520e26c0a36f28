#include "pipeline/consumer/intake.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace stormlog::pipeline {

void Intake::assign(const std::vector<int>& partitions) {
  for (const int partition : partitions) partitions_[partition] = Partition{};
  count();
}

void Intake::revoke(const std::vector<int>& partitions) {
  for (const int partition : partitions) partitions_.erase(partition);
  count();
}

Intake::Partition* Intake::place(int partition, Lane lane, std::int64_t base,
                                 std::int64_t expected) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return nullptr;
  const std::optional<std::int64_t> stored = found->second.stored;
  found->second = Partition{};
  count();
  found->second.lane = lane;
  found->second.stored = stored;
  found->second.base = base;
  found->second.expected = expected;
  return &found->second;
}

void Intake::position(int partition, std::int64_t stored, std::int64_t read_from) {
  if (Partition* placed = place(partition, Lane::store, stored, read_from)) placed->stored = stored;
}

void Intake::position_drain(int partition, std::int64_t stored, std::int64_t read_from) {
  if (Partition* placed = place(partition, Lane::drain, stored, read_from)) placed->stored = stored;
}

void Intake::position_spill(int partition, std::int64_t read_from) {
  place(partition, Lane::spill, read_from, read_from);
}

void Intake::unposition(int partition) {
  place(partition, Lane::none, 0, 0);
}

void Intake::unposition_all() {
  for (const int partition : assigned()) unposition(partition);
}

std::vector<int> Intake::assigned() const {
  std::vector<int> numbers;
  for (const auto& [number, partition] : partitions_) numbers.push_back(number);
  return numbers;
}

std::vector<int> Intake::in(Lane lane) const {
  std::vector<int> numbers;
  for (const auto& [number, partition] : partitions_) {
    if (partition.lane == lane) numbers.push_back(number);
  }
  return numbers;
}

Lane Intake::lane(int partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? Lane::none : found->second.lane;
}

Intake::Verdict Intake::offer(int partition, std::int64_t offset) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return Verdict::foreign;
  if (found->second.lane != Lane::store && found->second.lane != Lane::spill) {
    return Verdict::foreign;
  }
  Partition& state = found->second;
  if (offset < state.expected) return Verdict::repeated;
  if (state.gap_seen == offset) state.has_gaps = true;
  if (offset == state.expected || state.has_gaps) {
    state.gap_seen.reset();
    if (offset > state.expected) state.batch.gaps[offset] = offset - state.expected;
    return Verdict::take;
  }
  state.gap_seen = offset;
  return Verdict::gap;
}

std::int64_t Intake::expected(int partition) const {
  const auto found = partitions_.find(partition);
  assert(found != partitions_.end());
  return found->second.expected;
}

void Intake::Buffered::add(std::size_t more_records, std::size_t more_bytes,
                           std::optional<MonotonicTime> at) {
  records += more_records;
  bytes += more_bytes;
  if (at && (!first_at || *at < *first_at)) first_at = at;
}

void Intake::count() {
  all_ = ready_ = Buffered{};
  for (const auto& [number, partition] : partitions_) {
    const PartitionBatch& batch = partition.batch;
    const std::size_t records = batch.rows.size() + batch.dead.size();
    all_.add(records, batch.bytes, partition.first_at);
    if (!partition.under_way) ready_.add(records, batch.bytes, partition.first_at);
  }
}

void Intake::added(Partition& partition, std::int64_t offset, std::size_t bytes,
                   MonotonicTime now) {
  partition.expected = offset + 1;
  if (!partition.first_at) partition.first_at = now;
  all_.add(1, bytes, now);
  if (!partition.under_way) ready_.add(1, bytes, now);
}

bool Intake::reaches(const Buffered& buffered, std::size_t part, std::size_t whole) const {
  return buffered.records * whole >= limits_.max_rows * part ||
         buffered.bytes * whole >= limits_.max_bytes * part;
}

std::optional<MonotonicTime> Intake::due(std::size_t idle, std::size_t writers) const {
  if (!ready_.first_at) return std::nullopt;
  const bool enough = full() || reaches(ready_, idle, writers);
  return enough ? *ready_.first_at : *ready_.first_at + limits_.linger;
}

std::vector<PartitionBatch> Intake::take() {
  std::vector<PartitionBatch> batches;
  for (auto& [number, partition] : partitions_) {
    if (partition.under_way || !partition.first_at) continue;
    PartitionBatch batch = std::exchange(partition.batch, {});
    batch.partition = number;
    batch.expected = partition.base;
    batch.next = partition.expected;
    // The next one is about as large.
    partition.batch.rows.reserve(batch.rows.size());
    batches.push_back(std::move(batch));
    partition.first_at.reset();
    partition.under_way = partition.lane == Lane::store;
  }
  count();
  return batches;
}

void Intake::stored(int partition, std::int64_t next) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || found->second.lane == Lane::none) return;
  found->second.stored = next;
  found->second.base = next;
  if (found->second.lane == Lane::drain) found->second.expected = next;
  found->second.under_way = false;
  count();
}

void Intake::spilled(int partition, std::int64_t next) {
  const auto found = partitions_.find(partition);
  if (found != partitions_.end() && found->second.lane == Lane::spill) found->second.base = next;
}

std::optional<std::int64_t> Intake::stored(int partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? std::nullopt : found->second.stored;
}

std::int64_t Intake::base(int partition) const {
  const auto found = partitions_.find(partition);
  assert(found != partitions_.end());
  return found->second.base;
}

std::map<int, std::optional<std::int64_t>> Intake::positions() const {
  std::map<int, std::optional<std::int64_t>> all;
  for (const auto& [number, partition] : partitions_) {
    all[number] = partition.stored;
  }
  return all;
}

bool joins(std::int64_t stored, const std::optional<Backlog>& backlog) {
  return backlog && backlog->after <= stored;
}

Start decide_start(std::int64_t stored, std::int64_t low, std::int64_t high,
                   const std::optional<Backlog>& backlog) {
  if (joins(stored, backlog)) return {.read_from = stored, .from_backlog = true};
  if (stored > high) return {.read_from = low, .reset = true};
  if (stored >= low) return {.read_from = stored};
  // At 0 nothing was ever stored: that the topic has lost its beginning is no loss of ours.
  const auto missing = [&](std::int64_t until) { return stored == 0 ? 0 : until - stored; };
  if (backlog && backlog->offset < low) {
    return {.read_from = backlog->offset, .from_backlog = true, .missing = missing(backlog->after)};
  }
  return {.read_from = low, .missing = missing(low)};
}

}  // namespace stormlog::pipeline
