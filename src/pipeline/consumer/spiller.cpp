#include "pipeline/consumer/spiller.hpp"

#include "pipeline/consumer/redis_call.hpp"

namespace stormlog::pipeline {
namespace {

// Names and numbers of an entry beside its payload and key.
constexpr std::uint64_t kEntryOverhead = 64;

}  // namespace

Spiller::Spiller(SpillLog& log, std::uint64_t max_bytes,
                 std::shared_ptr<resilience::CircuitBreaker> breaker,
                 const ConsumerMetrics& metrics, const Clock& clock)
    : log_(log),
      max_bytes_(max_bytes),
      breaker_(std::move(breaker)),
      metrics_(metrics),
      clock_(clock) {}

template <typename T, typename Call>
Result<T> Spiller::guarded(const telemetry::HistogramMetric& seconds, Call call) {
  resilience::Permit permit = breaker_->acquire();
  if (!permit) {
    return Error::retriable("circuit breaker " + breaker_->name() + " is open", "BREAKER");
  }
  const MonotonicTime begin = clock_.now();
  Result<T> result = call();
  const Nanoseconds duration = clock_.now() - begin;
  seconds.observe(duration);
  if (!result.ok() && redis_away(result.error())) {
    permit.failure(duration);
  } else {
    permit.success(duration);
  }
  return result;
}

bool Spiller::has_room(std::uint64_t more) const {
  return bytes() + more <= max_bytes_;
}

Result<std::map<int, SpillState>> Spiller::look(const std::vector<int>& partitions) {
  auto states = guarded<std::map<int, SpillState>>(metrics_.redis_spill_read_seconds,
                                                   [&] { return log_.states(partitions); });
  forget(partitions);
  if (states.ok()) note(*states);
  return states;
}

Result<void> Spiller::append(std::span<const PartitionBatch> batches) {
  std::uint64_t payload = 0;
  std::uint64_t count = 0;
  for (const PartitionBatch& batch : batches) {
    payload += batch.bytes;
    count += batch.rows.size() + batch.dead.size();
  }
  const auto records = static_cast<double>(count);
  if (!has_room(payload + count * kEntryOverhead)) {
    metrics_.spill_refused_full.add(records);
    return Error::retriable("the spilled records have reached their bound", "FULL");
  }
  const auto appended = guarded<SpillLog::Appended>(metrics_.redis_spill_append_seconds,
                                                    [&] { return log_.append(batches); });
  if (!appended) {
    // Part of it may be there: what was known is not true any more.
    for (const PartitionBatch& batch : batches) known_.erase(batch.partition);
    (appended.error().code == "OOM" ? metrics_.spill_refused_full : metrics_.spill_refused_redis)
        .add(records);
    return appended.error();
  }
  note(appended->states);
  metrics_.spilled.add(static_cast<double>(appended->added));
  metrics_.spilled_bytes.add(static_cast<double>(payload));
  return {};
}

Result<std::vector<SpilledRecord>> Spiller::read(int partition, std::int64_t from,
                                                 std::size_t max_records) {
  return guarded<std::vector<SpilledRecord>>(
      metrics_.redis_spill_read_seconds, [&] { return log_.read(partition, from, max_records); });
}

Result<void> Spiller::trim(const std::map<int, std::int64_t>& below) {
  const auto left = guarded<std::map<int, SpillState>>(metrics_.redis_spill_read_seconds,
                                                       [&] { return log_.trim(below); });
  if (!left) return left.error();
  note(*left);
  return {};
}

std::optional<SpillState> Spiller::known(int partition) const {
  const auto found = known_.find(partition);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

std::int64_t Spiller::records() const {
  std::int64_t sum = 0;
  for (const auto& [partition, state] : known_) sum += state.records;
  return sum;
}

std::uint64_t Spiller::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [partition, state] : known_) sum += state.bytes;
  return sum;
}

void Spiller::forget(const std::vector<int>& partitions) {
  for (const int partition : partitions) known_.erase(partition);
}

void Spiller::note(const std::map<int, SpillState>& states) {
  for (const auto& [partition, state] : states) known_[partition] = state;
}

}  // namespace stormlog::pipeline
