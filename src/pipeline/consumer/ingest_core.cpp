#include "pipeline/consumer/ingest_core.hpp"

#include <algorithm>
#include <cassert>

#include "common/base/log.hpp"
#include "pipeline/consumer/parse_record.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kPollWait = 50ms;
constexpr std::chrono::milliseconds kUnderWayWait{2};
constexpr int kMaxPolls = 250;  // before other duties get their turn
constexpr auto kFencedWait = 500ms;
constexpr auto kHintInterval = 1s;
constexpr auto kHintWait = 1s;
constexpr auto kWarnInterval = 10s;
constexpr std::size_t kTimedRows = 32;  // of each batch

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
      under_way_(stores_.size()),
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
  collect();
  if (const auto at = due(); at && *at <= clock_.now()) {
    flush();
  } else if (const auto busy = writers(true); intake_.full() && !busy.empty()) {
    runner_->wait_any(busy);
    collect();
  }
  const bool only_storing = !broken_ && !intake_.assigned().empty() &&
                            intake_.in(Lane::store).size() == intake_.assigned().size();
  if (!only_storing) settle();
  if (!intake_.in(Lane::spill).empty()) come_back();
  if (!intake_.in(Lane::none).empty()) position();
  if (intake_.assigned().empty()) try_breaker();
  drain();
  tidy();
  if (clock_.now() >= hint_at_) hint(false);
}

void IngestCore::finish() {
  settle();
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
  if (const auto at = due()) wait = std::min(wait, until(*at, clock_.now()));
  if (!intake_.in(Lane::drain).empty()) wait = std::min(wait, until(drain_at_, clock_.now()));
  if (!writers(true).empty()) wait = std::min(wait, kUnderWayWait);
  for (int polls = 0; polls < kMaxPolls && !intake_.full(); ++polls) {
    const Result<std::optional<SourceRecord>> polled = source_->poll(wait);
    if (!polled) {
      handle_error(polled.error());
      return;
    }
    if (!polled->has_value()) return;
    take(**polled);
    if (const auto at = due(); at && *at <= clock_.now()) return;
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
  intake_.add(record.partition, record.offset, clock_.now(),
              [&](PartitionBatch& batch) { parse(record, batch); });
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

std::vector<std::size_t> IngestCore::writers(bool busy) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < under_way_.size(); ++i) {
    if ((under_way_[i] != nullptr) == busy) found.push_back(i);
  }
  return found;
}

std::optional<MonotonicTime> IngestCore::due() const {
  const auto idle =
      static_cast<std::size_t>(std::count(under_way_.begin(), under_way_.end(), nullptr));
  return idle == 0 ? std::nullopt : intake_.due(idle, stores_.size());
}

void IngestCore::flush() {
  if (!intake_.in(Lane::spill).empty()) {
    settle();
    stop_storing();
    if (intake_.buffered() > 0) spill(intake_.take());
    return;
  }
  // Where no more waits there is nothing to do meanwhile.
  const bool more_waits = intake_.full() || !writers(true).empty();
  begin_store(intake_.take());
  if (!more_waits) settle();
}

// A partition that goes to Redis goes there from a place that was asked for: its stream must join
// what is stored.
void IngestCore::stop_storing() {
  const std::vector<int> partitions = intake_.in(Lane::store);
  if (partitions.empty()) return;
  for (const int partition : partitions) intake_.unposition(partition);
  (void)source_->pause(partitions);
}

void IngestCore::begin_store(std::vector<PartitionBatch> batches) {
  if (batches.empty()) return;
  const std::vector<std::size_t> idle = writers(false);
  assert(!idle.empty());
  const bool trial = breaker_->state() != resilience::BreakerState::closed;
  auto shares = share_out(std::move(batches), trial ? 1 : idle.size(), config_.share_rows);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    auto begun = std::make_unique<Transaction>();
    begun->permit = breaker_->acquire();
    if (!begun->permit) {
      settle();
      suspend(Error::retriable("circuit breaker " + breaker_->name() + " is open"));
      return;
    }
    begun->batches = std::move(shares[i]);
    under_way_[idle[i]] = std::move(begun);
    runner_->start(idle[i], [this, &store = *stores_[idle[i]], its = under_way_[idle[i]].get()] {
      const MonotonicTime begin = clock_.now();
      its->outcome = write_batches(store, std::move(its->batches));
      its->duration = clock_.now() - begin;
    });
  }
}

FlushOutcome IngestCore::end_one(std::size_t writer) {
  const auto ended = std::move(under_way_[writer]);
  if (ended->outcome.failure) {
    ended->permit.failure(ended->duration);
  } else {
    ended->permit.success(ended->duration);
  }
  record(ended->outcome, ended->duration);
  return std::move(ended->outcome);
}

void IngestCore::collect() {
  std::vector<std::size_t> over;
  for (const std::size_t writer : writers(true)) {
    if (!runner_->done(writer)) continue;
    // What is decided then concerns the others, too.
    const FlushOutcome& outcome = under_way_[writer]->outcome;
    if (outcome.failure || !outcome.fenced.empty()) {
      settle();
      return;
    }
    over.push_back(writer);
  }
  end_store(over);
}

std::int64_t IngestCore::settle() {
  const std::vector<std::size_t> busy = writers(true);
  for (const std::size_t writer : busy) runner_->wait(writer);
  return end_store(busy);
}

std::int64_t IngestCore::end_store(const std::vector<std::size_t>& writers) {
  if (writers.empty()) return 0;
  std::vector<FlushOutcome> outcomes;
  for (const std::size_t writer : writers) outcomes.push_back(end_one(writer));
  FlushOutcome all = merge(std::move(outcomes));
  act_on(all);
  return all.inserted + all.duplicates + all.dead;
}

void IngestCore::act_on(FlushOutcome& outcome) {
  learn(outcome.stored);
  for (const auto& [partition, position] : outcome.stored) {
    intake_.stored(partition, position.next);
    // What is drained Kafka was told when it was spilled.
    if (intake_.lane(partition) == Lane::store) hints_[partition] = position.next;
  }
  for (const std::vector<LogRow>& rows : outcome.rows) {
    for (const LogRow& row : rows) {
      last_stored_produced_ = std::max(last_stored_produced_.value_or(row.produced), row.produced);
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
  if (!hooks_.on_stored) return;
  for (std::vector<LogRow>& rows : outcome.rows) hooks_.on_stored(std::move(rows));
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
  const WallTime now = clock_.wall_now();
  for (const std::vector<LogRow>& rows : outcome.rows) {
    const std::size_t stride = std::max<std::size_t>(1, rows.size() / kTimedRows);
    for (std::size_t i = 0; i < rows.size(); i += stride) {
      const WallTime received{Nanoseconds{rows[i].event.observed_timestamp_ns}};
      if (now > received) metrics_.end_to_end_seconds.observe(now - received);
    }
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
