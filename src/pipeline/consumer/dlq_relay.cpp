#include "pipeline/consumer/dlq_relay.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "common/base/thread_name.hpp"
#include "common/base/units.hpp"
#include "pipeline/consumer/redis_call.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr int kPage = 100;
constexpr auto kRetry = 1s;
constexpr auto kIdle = 5s;  // also measures the stream, and finds what others left behind

// KEYS: stream, marks. ARGV: mark, then the fields. Not "stormlog:dlq:*": that names streams alone.
constexpr const char* kScript =
    "if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end "
    "redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2)) "
    "redis.call('HSET', KEYS[2], ARGV[1], '1') return 1";

constexpr const char* kSelect =
    "SELECT seq, event_id, code, reason, kafka_partition, kafka_offset, "
    "encode(message_key, 'hex'), encode(payload, 'hex'), "
    "to_char(failed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), "
    "traceparent, tracestate "
    "FROM dead_letters WHERE topic = $1 ORDER BY seq LIMIT 100 FOR UPDATE SKIP LOCKED";

std::string marks_key(const std::string& topic) {
  return "stormlog:dlq-marks:" + topic;
}

std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  }
  return out;
}

// The sequence number alone would repeat in a database that was made anew.
std::string mark_of(const postgres::Rows& letters, int row) {
  return std::string(letters.text(row, 0)) + "@" + std::string(letters.text(row, 8));
}

redis::Command add_command(const std::string& topic, const postgres::Rows& letters, int row) {
  const auto text = [&](int column) { return std::string(letters.text(row, column)); };
  return {"EVAL",
          kScript,
          "2",
          dlq_stream(topic),
          marks_key(topic),
          mark_of(letters, row),
          "id",
          text(1),
          "code",
          text(2),
          "reason",
          text(3),
          "partition",
          text(4),
          "offset",
          text(5),
          "key",
          from_hex(letters.text(row, 6)),
          "failed_at",
          text(8),
          "payload",
          from_hex(letters.text(row, 7)),
          "traceparent",
          text(9),
          "tracestate",
          text(10)};
}

}  // namespace

std::string dlq_stream(const std::string& topic) {
  return "stormlog:dlq:" + topic;
}

DlqRelay::DlqRelay(DlqConfig config, std::shared_ptr<resilience::CircuitBreaker> postgres_breaker,
                   std::shared_ptr<resilience::CircuitBreaker> redis_breaker,
                   const ConsumerMetrics& metrics, const Clock& clock)
    : config_(std::move(config)),
      postgres_breaker_(std::move(postgres_breaker)),
      redis_breaker_(std::move(redis_breaker)),
      metrics_(metrics),
      clock_(clock),
      db_(config_.postgres),
      redis_(config_.redis, config_.redis_connection),
      thread_([this] { loop(); }) {}

DlqRelay::~DlqRelay() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  condition_.notify_one();
  thread_.join();
}

void DlqRelay::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  condition_.notify_one();
}

void DlqRelay::loop() {
  name_thread("dead-letters");
  bool told = false;
  for (;;) {
    const Result<int> moved = step();
    if (!moved && !told) {
      log::warn("dead letters wait in PostgreSQL", {{"reason", moved.error().message}});
    }
    told = !moved;
    if (moved.ok()) measure();
    std::unique_lock lock(mutex_);
    if (stop_) return;
    if (moved.ok() && *moved == kPage) continue;  // there may be more
    if (moved.ok()) {
      condition_.wait_for(lock, kIdle, [this] { return stop_ || woken_; });
    } else {
      condition_.wait_for(lock, kRetry, [this] { return stop_; });
    }
    woken_ = false;
    if (stop_) return;
  }
}

Result<int> DlqRelay::step() {
  // Not a call that the breaker should count: the ingest finds out for itself.
  if (!postgres_breaker_->would_permit()) return Error::retriable("PostgreSQL is away");
  const Result<postgres::Connection*> db = db_.connection();
  if (!db) return db.error();
  const Result<int> moved = move_page(**db);
  // The table comes with the first migration, which the ingest applies.
  if (!moved && moved.error().code == "42P01") return 0;
  return moved;
}

Result<int> DlqRelay::move_page(postgres::Connection& db) {
  Result<postgres::Transaction> begun = postgres::Transaction::begin(db);
  if (!begun) return begun.error();
  const Result<postgres::Rows> letters = db.query(kSelect, {config_.topic});
  if (!letters) return letters.error();
  metrics_.dlq_pending.set(letters->size());
  if (letters->size() == 0) return 0;
  if (Result<void> added = add_to_stream(*letters); !added) return added.error();

  postgres::BinaryArray seqs(postgres::Element::int8);
  redis::Command unmark = {"HDEL", marks_key(config_.topic)};
  for (int i = 0; i < letters->size(); ++i) {
    seqs.add_int(letters->integer(i, 0));
    unmark.push_back(mark_of(*letters, i));
  }
  const Result<postgres::Rows> deleted =
      db.query("DELETE FROM dead_letters WHERE seq = ANY($1::bigint[])", {seqs.take()});
  if (!deleted) return deleted.error();
  if (Result<void> done = begun->commit(); !done) return done.error();
  metrics_.dlq_relayed.add(letters->size());
  metrics_.dlq_pending.set(0);
  (void)redis_.command(unmark);  // a mark that stays is small and never met again
  return letters->size();
}

Result<void> DlqRelay::add_to_stream(const postgres::Rows& letters) {
  std::vector<redis::Command> commands;
  for (int i = 0; i < letters.size(); ++i) {
    commands.push_back(add_command(config_.topic, letters, i));
  }
  const Result<std::vector<redis::Reply>> replies =
      call_redis(*redis_breaker_, metrics_.redis_dlq_seconds, clock_, redis_, commands);
  if (!replies) return replies.error();
  for (const redis::Reply& reply : *replies) {
    if (reply.type == redis::Reply::Type::error) return reply.as_error();
  }
  return {};
}

void DlqRelay::measure() {
  const std::string stream = dlq_stream(config_.topic);
  std::vector<redis::Command> commands = {
      {"XLEN", stream}, {"XRANGE", stream, "-", "+", "COUNT", "1"}, {"MEMORY", "USAGE", stream}};
  const std::size_t own = commands.size();
  commands.insert(commands.end(), ask_durability().begin(), ask_durability().end());
  const Result<std::vector<redis::Reply>> replies =
      call_redis(*redis_breaker_, metrics_.redis_dlq_seconds, clock_, redis_, commands);
  if (!replies) return;
  note_durability(std::span(*replies).subspan(own));
  metrics_.dlq_depth.set(static_cast<double>((*replies)[0].integer));
  metrics_.dlq_bytes.set(static_cast<double>((*replies)[2].integer));  // none: 0
  double age = 0;
  const redis::Reply& first = (*replies)[1];
  if (!first.elements.empty() && !first.elements[0].elements.empty()) {
    // A stream's id begins with its milliseconds since 1970.
    const std::string& id = first.elements[0].elements[0].text;
    const Result<std::int64_t> ms = units::parse_int(id.substr(0, id.find('-')));
    if (ms.ok()) {
      const auto born = WallTime{std::chrono::milliseconds{*ms}};
      age = std::max(0.0, std::chrono::duration<double>(clock_.wall_now() - born).count());
    }
  }
  metrics_.dlq_oldest_age_seconds.set(age);
}

// Spilled records are told to Kafka, and dead letters deleted from their table, on Redis's word.
void DlqRelay::note_durability(std::span<const redis::Reply> replies) {
  RedisDurability now = judge_durability(replies);
  metrics_.redis_durable.set(now.metric());
  if (durability_ && durability_->why == now.why) return;
  if (now.why.empty()) {
    if (durability_) log::info("Redis keeps what it has acknowledged");
  } else {
    log::warn("Redis may lose what it has acknowledged: spilled records and dead letters",
              {{"why", now.why}});
  }
  durability_ = std::move(now);
}

}  // namespace stormlog::pipeline
