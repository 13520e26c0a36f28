#include "pipeline/consumer/ingest_core.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "pipeline/consumer/parse_record.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kPollWait = 50ms;
constexpr std::chrono::milliseconds kUnderWayWait{2};
constexpr int kMaxPolls = 1'000;  // before other duties get their turn
constexpr auto kFencedWait = 500ms;
constexpr auto kHintInterval = 1s;
constexpr auto kHintWait = 1s;
constexpr auto kWarnInterval = 10s;
constexpr std::size_t kTimedRows = 64;  // of each flush

std::chrono::milliseconds until(MonotonicTime then, MonotonicTime now) {
  return std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(then - now));
}

}  // namespace

IngestCore::IngestCore(IngestCoreConfig config, std::vector<LogStore*> stores, SpillLog& spill_log,
                       std::uint64_t spill_bytes,
                       std::shared_ptr<resilience::CircuitBreaker> store_breaker,
                       std::shared_ptr<resilience::CircuitBreaker> spill_breaker,
                       const ConsumerMetrics& metrics, const Clock& clock, Hooks hooks,
                       std::unique_ptr<FlushRunner> runner)
    : config_(config),
      stores_(std::move(stores)),
      store_(*stores_.front()),
      spiller_(spill_log, spill_bytes, std::move(spill_breaker), metrics, clock),
      breaker_(std::move(store_breaker)),
      metrics_(metrics),
      clock_(clock),
      hooks_(std::move(hooks)),
      intake_(config.batch),
      runner_(std::move(runner)) {}

void IngestCore::attach(RecordSource* source) {
  source_ = source;
  broken_ = false;
  intake_ = Intake(config_.batch);
  spiller_.forget_all();
  hints_.clear();
  ++assignment_;
  publish();
}

void IngestCore::assigned(const std::vector<int>& partitions) {
  settle();
  metrics_.rebalances.add();
  log::info("partitions assigned", {{"count", partitions.size()}});
  intake_.assign(partitions);
  for (const int partition : partitions) known_.erase(partition);
  ++assignment_;
  retry_at_ = {};
  spill_at_ = {};
  publish();
}

void IngestCore::revoked(const std::vector<int>& partitions, bool lost) {
  settle();
  metrics_.rebalances.add();
  log::info("partitions revoked", {{"count", partitions.size()}, {"lost", lost}});
  if (lost) {
    intake_.unposition_all();
  } else {
    // What is not flushed here the next owner reads again.
    flush();
    settle();
    hint(true);
  }
  intake_.revoke(partitions);
  spiller_.forget(partitions);
  hints_.clear();
  ++assignment_;
  publish();
}

void IngestCore::step() {
  breaker_->tick();
  pump();
  const auto due = intake_.due();
  if (due && *due <= clock_.now()) flush();
  const bool only_storing = !broken_ && !intake_.assigned().empty() &&
                            intake_.in(Lane::store).size() == intake_.assigned().size();
  if (!only_storing || runner_->done()) settle();
  if (!intake_.in(Lane::spill).empty()) come_back();
  if (!intake_.in(Lane::none).empty()) position();
  if (intake_.assigned().empty()) try_breaker();
  drain();
  tidy();
  if (clock_.now() >= hint_at_) hint(false);
}

void IngestCore::finish() {
  flush();
  settle();
  hint(true);
}

IngestMode IngestCore::mode() const {
  if (!intake_.in(Lane::spill).empty()) return IngestMode::cache_only;
  using State = resilience::BreakerState;
  const State state = breaker_->state();
  if (state == State::open || state == State::half_open || state == State::forced_open) {
    return IngestMode::paused;
  }
  if (!intake_.in(Lane::drain).empty()) return IngestMode::draining;
  return IngestMode::normal;
}

void IngestCore::pump() {
  std::chrono::milliseconds wait = kPollWait;
  if (const auto due = intake_.due()) wait = std::min(wait, until(*due, clock_.now()));
  if (!intake_.in(Lane::drain).empty()) wait = std::min(wait, until(drain_at_, clock_.now()));
  if (under_way_) wait = std::min(wait, kUnderWayWait);
  for (int polls = 0; polls < kMaxPolls; ++polls) {
    const Result<std::optional<SourceRecord>> polled = source_->poll(wait);
    if (!polled) {
      handle_error(polled.error());
      return;
    }
    if (!polled->has_value()) return;
    take(**polled);
    const auto due = intake_.due();
    if (due && *due <= clock_.now()) return;
    wait = 0ms;
  }
}

void IngestCore::take(const SourceRecord& record) {
  switch (intake_.offer(record.partition, record.offset)) {
    case Intake::Verdict::foreign:
    case Intake::Verdict::repeated:
      return;
    case Intake::Verdict::gap: {
      metrics_.reread_gaps.add();
      Result<void> again = source_->start({{record.partition, intake_.expected(record.partition)}});
      if (!again) suspend(again.error());
      return;
    }
    case Intake::Verdict::take:
      break;
  }
  std::visit([&](auto&& parsed) { intake_.add(std::move(parsed), clock_.now()); }, parse(record));
}

void IngestCore::handle_error(const Error& error) {
  if (error.kind == ErrorKind::fatal) {
    log::error("kafka client: fatal, made anew", {{"error", error.message}, {"code", error.code}});
    broken_ = true;
    return;
  }
  // An offset that Kafka does not have has paused its partition.
  for (const Lane lane : {Lane::store, Lane::spill}) {
    for (const int partition : intake_.in(lane)) {
      if (!source_->started(partition)) intake_.unposition(partition);
    }
  }
  publish();
  if (warn_now(error.code)) {
    log::warn("kafka", {{"error", error.message}, {"code", error.code}});
  }
}

void IngestCore::flush() {
  settle();
  if (intake_.buffered() == 0) {
    (void)intake_.take();
    return;
  }
  if (!intake_.in(Lane::spill).empty()) {
    spill(intake_.take());
    return;
  }
  resilience::Permit permit = breaker_->acquire();
  if (!permit) {
    suspend(Error::retriable("circuit breaker " + breaker_->name() + " is open"));
    return;
  }
  // Where no more waits there is nothing to do meanwhile.
  const bool more_waits = intake_.full();
  begin_store(intake_.take(), std::move(permit));
  if (!more_waits) settle();
}

void IngestCore::begin_store(std::vector<PartitionBatch> batches, resilience::Permit permit) {
  settle();
  under_way_ = std::make_unique<UnderWay>();
  under_way_->permit = std::move(permit);
  under_way_->shares = share_out(std::move(batches), stores_.size(), config_.share_rows);
  under_way_->outcomes.resize(under_way_->shares.size());
  under_way_->durations.resize(under_way_->shares.size());
  std::vector<FlushRunner::Part> parts;
  for (std::size_t i = 0; i < under_way_->shares.size(); ++i) {
    parts.push_back([this, i, its = under_way_.get()] {
      const MonotonicTime begin = clock_.now();
      its->outcomes[i] = write_batches(*stores_[i], std::move(its->shares[i]));
      its->durations[i] = clock_.now() - begin;
    });
  }
  runner_->start(std::move(parts));
}

std::int64_t IngestCore::settle() {
  if (!under_way_) return 0;
  runner_->wait();
  // Taken first: what follows may come back here.
  const auto done = std::move(under_way_);
  FlushOutcome outcome = merge(std::move(done->outcomes));
  const Nanoseconds duration = *std::max_element(done->durations.begin(), done->durations.end());
  if (outcome.failure) {
    done->permit.failure(duration);
  } else {
    done->permit.success(duration);
  }
  record(outcome, duration);
  act_on(outcome);
  return outcome.inserted + outcome.duplicates + outcome.dead;
}

void IngestCore::act_on(FlushOutcome& outcome) {
  learn(outcome.stored);
  for (const auto& [partition, position] : outcome.stored) {
    intake_.stored(partition, position.next);
    // What is drained Kafka was told when it was spilled.
    if (intake_.lane(partition) == Lane::store) hints_[partition] = position.next;
  }
  for (const LogRow& row : outcome.rows) {
    if (!last_stored_produced_ || row.produced > *last_stored_produced_) {
      last_stored_produced_ = row.produced;
    }
  }
  for (const int partition : outcome.fenced) {
    // Either a killed consumer's last transaction came through, or the partition is somebody
    // else's by now. The offset in the store tells where to go on.
    log::warn("offset moved by another consumer", {{"partition", partition}});
    intake_.unposition(partition);
    retry_in(kFencedWait);
  }
  if (!outcome.fenced.empty()) (void)source_->pause(outcome.fenced);
  if (outcome.failure) suspend(*outcome.failure);
  publish();
  if (outcome.dead > 0 && hooks_.on_dead_letters) hooks_.on_dead_letters();
  if (hooks_.on_stored) hooks_.on_stored(std::move(outcome.rows));
}

void IngestCore::spill(std::vector<PartitionBatch> batches) {
  if (Result<void> done = spiller_.append(batches); !done) {
    suspend(done.error());
    return;
  }
  for (PartitionBatch& batch : batches) {
    intake_.spilled(batch.partition, batch.next);
    hints_[batch.partition] = batch.next;
    if (hooks_.on_spilled) hooks_.on_spilled(std::move(batch.rows));
  }
  publish();
}

void IngestCore::record(const FlushOutcome& outcome, Nanoseconds duration) {
  metrics_.flush_seconds.observe(duration);
  metrics_.inserted.add(static_cast<double>(outcome.inserted));
  metrics_.duplicate.add(static_cast<double>(outcome.duplicates));
  metrics_.failed.add(static_cast<double>(outcome.dead));
  metrics_.processed.add(static_cast<double>(outcome.inserted + outcome.duplicates + outcome.dead));
  metrics_.fenced.add(static_cast<double>(outcome.fenced.size()));
  const std::size_t stride = std::max<std::size_t>(1, outcome.rows.size() / kTimedRows);
  const WallTime now = clock_.wall_now();
  for (std::size_t i = 0; i < outcome.rows.size(); i += stride) {
    const WallTime received{Nanoseconds{outcome.rows[i].event.observed_timestamp_ns}};
    if (now > received) metrics_.end_to_end_seconds.observe(now - received);
  }
}

void IngestCore::hint(bool wait) {
  hint_at_ = clock_.now() + kHintInterval;
  if (hints_.empty()) return;
  const Result<void> done = source_->commit(hints_, wait ? kHintWait : 0ms);
  if (!done && warn_now("hint")) {
    log::warn("offsets not told to Kafka", {{"error", done.error().message}});
  }
  hints_.clear();
}

void IngestCore::publish() {
  const IngestMode now = mode();
  metrics_.mode_normal.set(now == IngestMode::normal ? 1 : 0);
  metrics_.mode_cache_only.set(now == IngestMode::cache_only ? 1 : 0);
  metrics_.mode_paused.set(now == IngestMode::paused ? 1 : 0);
  metrics_.mode_draining.set(now == IngestMode::draining ? 1 : 0);
  metrics_.spill_backlog_records.set(static_cast<double>(spiller_.records()));
  metrics_.spill_backlog_bytes.set(static_cast<double>(spiller_.bytes()));
  if (hooks_.on_positions) hooks_.on_positions();
}

std::map<int, PartitionAccount> IngestCore::accounts() const {
  std::map<int, PartitionAccount> all;
  for (const auto& [partition, stored] : known_) {
    if (!intake_.positions().contains(partition)) continue;
    const Lane lane = intake_.lane(partition);
    PartitionAccount account{stored, stored.next, 0};
    // In the store lane Kafka is read: what Redis may still have is passed by.
    if (lane != Lane::store && spiller_.enabled()) {
      const std::optional<SpillState> state = spiller_.known(partition);
      if (!state) continue;
      if (state->records > 0 && state->end > stored.next) {
        // Some below are stored, and not trimmed yet: how many is not known.
        if (state->begin < stored.next) continue;
        account.spilled = state->records;
        account.safe_until = state->end;
      }
    }
    if (lane == Lane::spill) account.safe_until = std::max(stored.next, intake_.base(partition));
    all[partition] = account;
  }
  return all;
}

bool IngestCore::warn_now(const std::string& code) {
  const MonotonicTime now = clock_.now();
  const auto found = warned_.find(code);
  if (found != warned_.end() && now - found->second < kWarnInterval) return false;
  warned_[code] = now;
  return true;
}

}  // namespace stormlog::pipeline
