#include "pipeline/consumer/intake.hpp"

#include <algorithm>
#include <cassert>

namespace stormlog::pipeline {

void Intake::assign(const std::vector<int>& partitions) {
  for (const int partition : partitions) partitions_[partition] = Partition{};
}

void Intake::revoke(const std::vector<int>& partitions) {
  for (const int partition : partitions) partitions_.erase(partition);
}

void Intake::position(int partition, std::int64_t stored, std::int64_t read_from) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return;
  found->second = Partition{};
  found->second.positioned = true;
  found->second.stored = stored;
  found->second.expected = read_from;
}

void Intake::unposition(int partition) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return;
  const std::optional<std::int64_t> stored = found->second.stored;
  found->second = Partition{};
  found->second.stored = stored;
}

void Intake::unposition_all() {
  for (const int partition : positioned()) unposition(partition);
  first_at_.reset();
  full_ = false;
}

std::vector<int> Intake::unpositioned() const {
  std::vector<int> numbers;
  for (const auto& [number, partition] : partitions_) {
    if (!partition.positioned) numbers.push_back(number);
  }
  return numbers;
}

std::vector<int> Intake::positioned() const {
  std::vector<int> numbers;
  for (const auto& [number, partition] : partitions_) {
    if (partition.positioned) numbers.push_back(number);
  }
  return numbers;
}

Intake::Verdict Intake::offer(int partition, std::int64_t offset) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || !found->second.positioned) return Verdict::foreign;
  Partition& state = found->second;
  if (offset < state.expected) return Verdict::repeated;
  if (state.gap_seen == offset) state.has_gaps = true;
  if (offset == state.expected || state.has_gaps) {
    state.gap_seen.reset();
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

void Intake::touch(Partition& partition, std::int64_t offset, std::size_t bytes,
                   MonotonicTime now) {
  partition.expected = offset + 1;
  partition.batch.bytes += bytes;
  if (!first_at_) first_at_ = now;
  if (partition.batch.rows.size() + partition.batch.dead.size() >= limits_.max_rows ||
      partition.batch.bytes >= limits_.max_bytes) {
    full_ = true;
  }
}

void Intake::add(LogRow&& row, MonotonicTime now) {
  Partition& partition = partitions_.at(row.partition);
  const std::int64_t offset = row.offset;
  const std::size_t bytes = row.payload.size();
  partition.batch.rows.push_back(std::move(row));
  touch(partition, offset, bytes, now);
}

void Intake::add(DeadLetter&& letter, MonotonicTime now) {
  Partition& partition = partitions_.at(letter.partition);
  const std::int64_t offset = letter.offset;
  const std::size_t bytes = letter.payload.size();
  partition.batch.dead.push_back(std::move(letter));
  touch(partition, offset, bytes, now);
}

std::optional<MonotonicTime> Intake::due() const {
  if (!first_at_) return std::nullopt;
  return full_ ? *first_at_ : *first_at_ + limits_.linger;
}

std::size_t Intake::buffered() const {
  std::size_t count = 0;
  for (const auto& [number, partition] : partitions_) {
    count += partition.batch.rows.size() + partition.batch.dead.size();
  }
  return count;
}

std::vector<PartitionBatch> Intake::take() {
  std::vector<PartitionBatch> batches;
  for (auto& [number, partition] : partitions_) {
    if (partition.batch.rows.empty() && partition.batch.dead.empty()) continue;
    PartitionBatch batch = std::move(partition.batch);
    partition.batch = PartitionBatch{};
    batch.partition = number;
    batch.expected = partition.stored.value_or(0);
    batch.next = partition.expected;
    batches.push_back(std::move(batch));
  }
  first_at_.reset();
  full_ = false;
  return batches;
}

void Intake::stored(int partition, std::int64_t next) {
  const auto found = partitions_.find(partition);
  if (found != partitions_.end() && found->second.positioned) found->second.stored = next;
}

std::map<int, std::optional<std::int64_t>> Intake::positions() const {
  std::map<int, std::optional<std::int64_t>> all;
  for (const auto& [number, partition] : partitions_) {
    all[number] = partition.stored;
  }
  return all;
}

Start decide_start(std::int64_t stored, std::int64_t low, std::int64_t high) {
  if (stored > high) return {low, true, 0};
  // At 0 nothing was ever stored: that the topic has lost its beginning is no loss of ours.
  if (stored < low) return {low, false, stored == 0 ? 0 : low - stored};
  return {stored, false, 0};
}

}  // namespace stormlog::pipeline
