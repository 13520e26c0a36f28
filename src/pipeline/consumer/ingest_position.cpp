// Where the partitions go on: from the store, from Redis, or from Kafka into Redis.

#include <algorithm>

#include "common/base/log.hpp"
#include "pipeline/consumer/ingest_core.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetryWait = 50ms;
constexpr auto kSpillRetryWait = 200ms;
constexpr auto kFullWait = 1s;
constexpr auto kNeedsRedisWait = 500ms;
constexpr auto kKafkaWait = 2s;

}  // namespace

// Nothing can be written where it was written to: drop what is buffered, it is safe in Kafka. Stay
// in the group.
void IngestCore::suspend(const Error& why) {
  if (warn_now("suspend:" + why.code)) {
    log::warn("not storing; Kafka keeps the backlog", {{"error", why.message}, {"code", why.code}});
  }
  const bool spilling = !intake_.in(Lane::spill).empty();
  intake_.unposition_all();
  if (Result<void> paused = source_->pause_all(); !paused) broken_ = true;
  if (!spilling) {
    retry_in(kRetryWait);
  } else {
    const bool full = why.code == "FULL" || why.code == "OOM";
    spill_at_ = clock_.now() + (full ? std::chrono::milliseconds(kFullWait) : kRetryWait);
  }
  publish();
}

void IngestCore::retry_in(std::chrono::milliseconds wait) {
  retry_at_ = std::max(retry_at_, clock_.now() + wait);
}

void IngestCore::position() {
  if (!breaker_->would_permit()) {
    position_for_spill();
    return;
  }
  if (clock_.now() < retry_at_ || !store_.ready()) return;
  const auto stored = ask_store(intake_.in(Lane::none));
  if (!stored) return;
  if (Result<void> done = position_from(*stored); !done) {
    if (warn_now("start:" + done.error().code)) {
      log::warn("partitions cannot be started", {{"error", done.error().message}});
    }
    retry_in(kRetryWait);
  }
  publish();
}

// From cache-only mode, as soon as the breaker admits a call.
void IngestCore::come_back() {
  if (clock_.now() < retry_at_ || !breaker_->would_permit() || !store_.ready()) return;
  const auto stored = ask_store(intake_.assigned());
  if (!stored) return;
  log::info("the store is back", {{"spilled", spiller_.records()}});
  // What is buffered is read again; what has been spilled is drained.
  hint(false);
  intake_.unposition_all();
  if (Result<void> paused = source_->pause_all(); !paused) broken_ = true;
  if (Result<void> done = position_from(*stored); !done) retry_in(kRetryWait);
  publish();
}

// One that has no partitions still finds out that the store is back.
void IngestCore::try_breaker() {
  if (clock_.now() < retry_at_ || breaker_->state() == resilience::BreakerState::closed) return;
  if (breaker_->would_permit() && store_.ready() && ask_store({})) publish();
}

std::optional<std::map<int, std::int64_t>> IngestCore::ask_store(
    const std::vector<int>& partitions) {
  resilience::Permit permit = breaker_->acquire();
  if (!permit) return std::nullopt;
  const Result<StoredPositions> stored = store_.positions(partitions);
  if (!stored) {
    permit.failure();
    if (warn_now("position:" + stored.error().code)) {
      log::warn("offsets cannot be read",
                {{"error", stored.error().message}, {"code", stored.error().code}});
    }
    retry_in(kRetryWait);
    publish();
    return std::nullopt;
  }
  permit.success();
  learn(*stored);
  std::map<int, std::int64_t> next;
  for (const auto& [partition, position] : *stored) next[partition] = position.next;
  return next;
}

void IngestCore::learn(const StoredPositions& positions) {
  for (const auto& [partition, position] : positions) known_[partition] = position;
}

Result<void> IngestCore::position_from(const std::map<int, std::int64_t>& stored) {
  const auto backlogs = find_backlogs(stored);
  if (!backlogs && warn_now("backlog:" + backlogs.error().code)) {
    log::warn("what is spilled cannot be read; Kafka is read instead where it has the records",
              {{"error", backlogs.error().message}});
  }
  std::map<int, std::int64_t> rest;
  for (const auto& [partition, next] : stored) {
    // Needs no Kafka, which may be away.
    if (backlogs.ok() && joins(next, backlogs->at(partition))) {
      intake_.position_drain(partition, next, next);
    } else {
      rest[partition] = next;
    }
  }
  return rest.empty() ? Result<void>{} : start_from(std::move(rest), backlogs);
}

Result<std::map<int, std::optional<Backlog>>> IngestCore::find_backlogs(
    const std::map<int, std::int64_t>& stored) {
  std::map<int, std::optional<Backlog>> found;
  std::vector<int> partitions;
  for (const auto& [partition, next] : stored) {
    partitions.push_back(partition);
    found[partition] = std::nullopt;
  }
  if (!spiller_.enabled()) return found;
  const Result<std::map<int, SpillState>> states = spiller_.look(partitions);
  if (!states) return states.error();
  for (const auto& [partition, next] : stored) {
    if (states->at(partition).end <= next) continue;
    const auto head = spiller_.read(partition, next, 1);
    if (!head) return head.error();
    if (!head->empty()) found[partition] = Backlog{head->front().after, head->front().offset};
  }
  return found;
}

Result<void> IngestCore::start_from(std::map<int, std::int64_t> stored,
                                    const Result<std::map<int, std::optional<Backlog>>>& backlogs) {
  std::vector<int> partitions;
  for (const auto& [partition, next] : stored) partitions.push_back(partition);
  const auto marks = source_->watermarks(partitions, kKafkaWait);
  if (!marks) return marks.error();
  kafka::Offsets starts;
  for (auto& [partition, next] : stored) {
    const kafka::Watermarks& mark = marks->at(partition);
    if (!backlogs && (next < mark.low || next > mark.high)) {
      // Kafka cannot go on from here; what was spilled may.
      if (warn_now("needs-redis")) {
        log::warn("Kafka does not have the next record; waiting for Redis, which may",
                  {{"partition", partition}, {"stored", next}, {"oldest", mark.low}});
      }
      retry_in(kNeedsRedisWait);
      continue;
    }
    const Start start = decide_start(next, mark.low, mark.high,
                                     backlogs.ok() ? backlogs->at(partition) : std::nullopt);
    if (start.missing > 0) {
      log::error("Kafka has deleted records before they were stored",
                 {{"partition", partition}, {"missing", start.missing}});
      metrics_.missing.add(static_cast<double>(start.missing));
    }
    if (start.reset) {
      log::error("topic is shorter than what was stored of it; it is read from its beginning",
                 {{"partition", partition}, {"stored", next}, {"end", mark.high}});
    }
    // Where nothing was ever stored what Kafka has deleted was never ours to count.
    if (start.reset || (next == 0 && start.read_from > 0)) {
      const auto done = store_.reset_offset(partition, next, start.read_from);
      if (!done) return done.error();
      learn(*done);
      if (start.reset) metrics_.offset_resets.add();
      next = start.read_from;
    }
    if (start.from_backlog) {
      intake_.position_drain(partition, next, start.read_from);
    } else {
      starts[partition] = start.read_from;
    }
  }
  if (starts.empty()) return {};
  if (Result<void> started = source_->start(starts); !started) return started;
  for (const auto& [partition, from] : starts) {
    intake_.position(partition, stored.at(partition), from);
  }
  return {};
}

void IngestCore::position_for_spill() {
  if (!spiller_.enabled() || clock_.now() < spill_at_) return;
  if (Result<void> done = spill_from(intake_.in(Lane::none)); !done) {
    if (warn_now("spill:" + done.error().code)) {
      log::warn("not spilling; Kafka keeps the backlog",
                {{"error", done.error().message}, {"code", done.error().code}});
    }
    spill_at_ =
        clock_.now() + (done.error().code == "FULL" ? std::chrono::milliseconds(kFullWait)
                                                    : std::chrono::milliseconds(kSpillRetryWait));
  }
  publish();
}

Result<void> IngestCore::spill_from(const std::vector<int>& partitions) {
  const Result<std::map<int, SpillState>> states = spiller_.look(partitions);
  if (!states) return states.error();
  std::map<int, std::int64_t> passed;
  for (const auto& [partition, state] : *states) {
    const std::int64_t stored = intake_.stored(partition).value_or(0);
    if (state.records > 0 && state.begin < stored) passed[partition] = stored;
  }
  if (!passed.empty()) (void)spiller_.trim(passed);
  // Not for a few records at a time: they would be read from Kafka and dropped again and again.
  if (!spiller_.has_room(
          std::min<std::uint64_t>(config_.batch.max_bytes, spiller_.max_bytes() / 4))) {
    return Error::retriable("the spilled records have reached their bound", "FULL");
  }
  const Result<kafka::Offsets> committed = source_->committed(partitions, kKafkaWait);
  if (!committed) return committed.error();
  const auto marks = source_->watermarks(partitions, kKafkaWait);
  if (!marks) return marks.error();
  kafka::Offsets starts;
  for (const int partition : partitions) {
    const kafka::Watermarks& mark = marks->at(partition);
    // Each of these was safe when it was written down: in the store, or in Redis. So the largest
    // is, too; and whether Redis has lost something is seen when it is drained.
    std::int64_t from = std::max(intake_.stored(partition).value_or(0), states->at(partition).end);
    if (const auto told = committed->find(partition); told != committed->end()) {
      from = std::max(from, told->second);
    }
    from = std::max(from, mark.low);
    if (from > mark.high) {
      // The topic was made anew. Only the store can put that right.
      spill_at_ = clock_.now() + kFullWait;
      continue;
    }
    starts[partition] = from;
  }
  if (starts.empty()) return {};
  if (Result<void> started = source_->start(starts); !started) return started;
  for (const auto& [partition, from] : starts) intake_.position_spill(partition, from);
  if (warn_now("cache-only")) {
    log::warn("the store is away: what is read goes to Redis", {{"partitions", starts.size()}});
  }
  return {};
}

}  // namespace stormlog::pipeline
