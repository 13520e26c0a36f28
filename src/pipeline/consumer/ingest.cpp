#include "pipeline/consumer/ingest.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "common/postgres/sqlstate.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kPollWait = 50ms;
constexpr int kMaxPolls = 1'000;  // before other duties get their turn
constexpr auto kRetryWait = 50ms;
constexpr auto kFencedWait = 500ms;
constexpr auto kRebuildWait = 1s;
constexpr auto kHintInterval = 1s;
constexpr auto kHintWait = 1s;
constexpr auto kWarnInterval = 10s;
constexpr auto kWatermarkWait = 2s;
constexpr std::size_t kTimedRows = 64;  // of each flush

std::chrono::milliseconds until(MonotonicTime then, MonotonicTime now) {
  return std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(then - now));
}

}  // namespace

Ingest::Ingest(IngestConfig config, LogStore& store,
               std::shared_ptr<resilience::CircuitBreaker> breaker, PositionBoard& board,
               const ConsumerMetrics& metrics, const Clock& clock, Hooks hooks)
    : config_(std::move(config)),
      store_(store),
      breaker_(std::move(breaker)),
      board_(board),
      metrics_(metrics),
      clock_(clock),
      hooks_(std::move(hooks)),
      intake_(config_.batch) {}

Ingest::~Ingest() {
  request_stop();
  if (thread_.joinable()) thread_.join();
}

void Ingest::start() {
  thread_ = std::thread([this] { loop(); });
}

void Ingest::loop() {
  while (!stop_.load(std::memory_order_acquire)) {
    if (!ensure_client()) {
      std::this_thread::sleep_for(kPollWait);
      continue;
    }
    breaker_->tick();
    pump();
    const auto due = intake_.due();
    if (due && *due <= clock_.now()) flush();
    if (!intake_.unpositioned().empty()) position();
    if (clock_.now() >= hint_at_) hint(false);
    if (rebuild_) close_client();
  }
  if (client_) {
    flush();
    hint(true);
    close_client();
  }
  finished_.store(true, std::memory_order_release);
}

bool Ingest::ensure_client() {
  if (client_) return true;
  if (clock_.now() < retry_at_) return false;
  Result<std::unique_ptr<kafka::Consumer>> made = kafka::Consumer::create(config_.kafka, *this);
  if (!made) {
    if (warn_now("create")) log::error("kafka client", {{"error", made.error().message}});
    retry_in(kRebuildWait);
    return false;
  }
  client_ = std::move(*made);
  rebuild_ = false;
  publish();
  return true;
}

void Ingest::close_client() {
  const bool failed = rebuild_;
  client_->close();
  client_.reset();
  intake_ = Intake(config_.batch);
  hints_.clear();
  ++assignment_;
  publish();
  if (failed) {
    metrics_.client_rebuilds.add();
    retry_in(kRebuildWait);
  }
}

void Ingest::pump() {
  std::chrono::milliseconds wait = kPollWait;
  if (const auto due = intake_.due()) wait = std::min(wait, until(*due, clock_.now()));
  for (int polls = 0; polls < kMaxPolls; ++polls) {
    Result<std::optional<kafka::Message>> polled = client_->poll(wait);
    if (!polled) {
      handle_error(polled.error());
      return;
    }
    if (!polled->has_value()) return;
    take(std::move(**polled));
    const auto due = intake_.due();
    if (due && *due <= clock_.now()) return;
    wait = 0ms;
  }
}

void Ingest::take(kafka::Message&& message) {
  const int partition = message.partition();
  switch (intake_.offer(partition, message.offset())) {
    case Intake::Verdict::foreign:
    case Intake::Verdict::repeated:
      return;
    case Intake::Verdict::gap: {
      metrics_.reread_gaps.add();
      Result<void> again = client_->start({{partition, intake_.expected(partition)}});
      if (!again) suspend(again.error());
      return;
    }
    case Intake::Verdict::take:
      break;
  }
  Result<EventRecord> event = decode_stored(message.payload());
  if (!event) {
    DeadLetter letter;
    letter.id = std::string(message.header("id"));
    letter.partition = partition;
    letter.offset = message.offset();
    letter.code = "decode";
    letter.reason = safe_text(event.error().message, 500);
    letter.key = std::string(message.key());
    letter.payload = std::string(message.payload());
    intake_.add(std::move(letter), clock_.now());
    return;
  }
  LogRow row;
  row.event = std::move(*event);
  row.partition = partition;
  row.offset = message.offset();
  row.produced = message.timestamp().value_or(WallTime{});
  row.key = std::string(message.key());
  row.payload = std::string(message.payload());
  intake_.add(std::move(row), clock_.now());
}

void Ingest::handle_error(const Error& error) {
  if (error.kind == ErrorKind::fatal) {
    log::error("kafka client: fatal, made anew", {{"error", error.message}, {"code", error.code}});
    rebuild_ = true;
    return;
  }
  // An offset that Kafka does not have has paused its partition.
  for (const int partition : intake_.positioned()) {
    if (!client_->started(partition)) intake_.unposition(partition);
  }
  publish();
  if (warn_now(error.code)) {
    log::warn("kafka", {{"error", error.message}, {"code", error.code}});
  }
}

void Ingest::flush() {
  if (intake_.buffered() == 0) {
    (void)intake_.take();
    return;
  }
  resilience::Permit permit = breaker_->acquire();
  if (!permit) {
    suspend(Error::retriable("circuit breaker " + breaker_->name() + " is open"));
    return;
  }
  const MonotonicTime begin = clock_.now();
  std::vector<PartitionBatch> batches = intake_.take();
  FlushOutcome outcome = write_batches(store_, std::move(batches));
  const Nanoseconds duration = clock_.now() - begin;
  if (outcome.failure) {
    permit.failure(duration);
  } else {
    permit.success(duration);
  }
  record(outcome, duration);
  for (const auto& [partition, next] : outcome.stored) {
    intake_.stored(partition, next);
    hints_[partition] = next;
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
  if (!outcome.fenced.empty()) (void)client_->pause(outcome.fenced);
  if (outcome.failure) suspend(*outcome.failure);
  publish();
  if (outcome.dead > 0 && hooks_.on_dead_letters) hooks_.on_dead_letters();
  if (hooks_.on_stored) hooks_.on_stored(std::move(outcome.rows));
}

void Ingest::record(const FlushOutcome& outcome, Nanoseconds duration) {
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

// The store cannot be written: drop what is buffered, it is safe in Kafka. Stay in the group.
void Ingest::suspend(const Error& why) {
  if (warn_now("suspend:" + why.code)) {
    log::warn("not storing; Kafka keeps the backlog", {{"error", why.message}, {"code", why.code}});
  }
  intake_.unposition_all();
  if (Result<void> paused = client_->pause_all(); !paused) rebuild_ = true;
  retry_in(kRetryWait);
  publish();
}

void Ingest::position() {
  if (clock_.now() < retry_at_ || !breaker_->would_permit()) return;
  resilience::Permit permit = breaker_->acquire();
  if (!permit) return;
  const std::vector<int> partitions = intake_.unpositioned();
  const Result<std::map<int, std::int64_t>> stored = store_.offsets(partitions);
  if (!stored) {
    permit.failure();
    if (warn_now("position:" + stored.error().code)) {
      log::warn("offsets cannot be read",
                {{"error", stored.error().message}, {"code", stored.error().code}});
    }
    retry_in(kRetryWait);
    return;
  }
  permit.success();
  if (Result<void> done = position_from(*stored); !done) {
    if (warn_now("start:" + done.error().code)) {
      log::warn("partitions cannot be started", {{"error", done.error().message}});
    }
    retry_in(kRetryWait);
  }
  publish();
}

Result<void> Ingest::position_from(const std::map<int, std::int64_t>& stored) {
  std::vector<int> partitions;
  for (const auto& [partition, next] : stored) partitions.push_back(partition);
  const auto marks = client_->watermarks(partitions, kWatermarkWait);
  if (!marks) return marks.error();
  std::map<int, std::int64_t> bases = stored;
  kafka::Offsets starts;
  for (auto& [partition, next] : bases) {
    const kafka::Watermarks& mark = marks->at(partition);
    const Start start = decide_start(next, mark.low, mark.high);
    starts[partition] = start.read_from;
    if (start.missing > 0) {
      log::error("Kafka has deleted records before they were stored",
                 {{"partition", partition}, {"missing", start.missing}});
      metrics_.missing.add(static_cast<double>(start.missing));
    }
    if (!start.reset) continue;
    log::error("topic is shorter than what was stored of it; it is read from its beginning",
               {{"partition", partition}, {"stored", next}, {"end", mark.high}});
    if (Result<void> done = store_.reset_offset(partition, next, start.read_from); !done) {
      return done;
    }
    metrics_.offset_resets.add();
    next = start.read_from;
  }
  if (Result<void> started = client_->start(starts); !started) return started;
  for (const auto& [partition, base] : bases) {
    intake_.position(partition, base, starts.at(partition));
  }
  return {};
}

void Ingest::on_assigned(const std::vector<int>& partitions) {
  metrics_.rebalances.add();
  log::info("partitions assigned", {{"count", partitions.size()}});
  intake_.assign(partitions);
  ++assignment_;
  retry_at_ = {};
  publish();
}

void Ingest::on_revoked(const std::vector<int>& partitions, bool lost) {
  metrics_.rebalances.add();
  log::info("partitions revoked", {{"count", partitions.size()}, {"lost", lost}});
  if (lost) {
    intake_.unposition_all();
  } else {
    // What is not flushed here the next owner reads again.
    flush();
    hint(true);
  }
  intake_.revoke(partitions);
  hints_.clear();
  ++assignment_;
  publish();
}

// Kafka's own offsets are for its tools; the truth is in the store.
void Ingest::hint(bool wait) {
  hint_at_ = clock_.now() + kHintInterval;
  if (hints_.empty()) return;
  const Result<void> done = client_->commit(hints_, wait ? kHintWait : 0ms);
  if (!done && warn_now("hint")) {
    log::warn("offsets not told to Kafka", {{"error", done.error().message}});
  }
  hints_.clear();
}

void Ingest::publish() {
  board_.publish({client_, assignment_, intake_.positions(), last_stored_produced_});
}

bool Ingest::warn_now(const std::string& code) {
  const MonotonicTime now = clock_.now();
  const auto found = warned_.find(code);
  if (found != warned_.end() && now - found->second < kWarnInterval) return false;
  warned_[code] = now;
  return true;
}

void Ingest::retry_in(std::chrono::milliseconds wait) {
  retry_at_ = std::max(retry_at_, clock_.now() + wait);
}

}  // namespace stormlog::pipeline
