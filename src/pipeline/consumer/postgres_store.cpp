#include "pipeline/consumer/postgres_store.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "pipeline/consumer/id_time.hpp"
#include "pipeline/consumer/migrations.hpp"
#include "pipeline/consumer/row_columns.hpp"

namespace stormlog::pipeline {
namespace {

using postgres::BinaryArray;
using postgres::Element;

constexpr const char* kMoveOffsets =
    "UPDATE consumer_offsets o SET next_offset = u.next, stored = o.stored + u.rows, "
    "dead_letters = o.dead_letters + u.dead, no_record = o.no_record + u.no_record, "
    "updated_at = now() FROM UNNEST($3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], "
    "$7::bigint[], $8::bigint[]) AS u(partition, expected, next, rows, dead, no_record) "
    "WHERE o.consumer_group = $1 AND o.topic = $2 AND o.partition = u.partition "
    "AND o.next_offset = u.expected RETURNING o.partition, o.next_offset, o.start_offset, "
    "o.stored, o.duplicates, o.dead_letters, o.no_record";

constexpr const char* kCountDuplicates =
    "UPDATE consumer_offsets o SET stored = o.stored - u.duplicates, "
    "duplicates = o.duplicates + u.duplicates FROM UNNEST($3::integer[], $4::bigint[]) "
    "AS u(partition, duplicates) WHERE o.consumer_group = $1 AND o.topic = $2 "
    "AND o.partition = u.partition";

constexpr const char* kInsertDead =
    "INSERT INTO dead_letters (topic, kafka_partition, kafka_offset, event_id, code, reason, "
    "message_key, payload, traceparent, tracestate) SELECT $1, u.* FROM UNNEST($2::integer[], "
    "$3::bigint[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bytea[], $9::text[], "
    "$10::text[]) AS u";

constexpr std::size_t kMaxId = 64;
constexpr std::size_t kMaxTraceHeader = 512;
constexpr const char* kUniqueViolation = "23505";
constexpr const char* kDeadlock = "40P01";
constexpr const char* kCheckViolation = "23514";
constexpr int kInsertsAfterDuplicate = 20;
constexpr std::chrono::seconds kRetryPartition{10};
constexpr int kShortAttempts = 2;
constexpr std::chrono::milliseconds kShortAttempt{500};

// partition, next_offset, start_offset, stored, duplicates, dead_letters, no_record
StoredPositions read_positions(const postgres::Rows& rows) {
  StoredPositions found;
  for (int i = 0; i < rows.size(); ++i) {
    const auto number = [&](int column) { return rows.integer(i, column); };
    found[static_cast<int>(number(0))] = {number(1),
                                          {number(2), number(3), number(4), number(5), number(6)}};
  }
  return found;
}

}  // namespace

Result<void> PostgresStore::ensure() {
  if (connection_ && connection_->still_open()) return {};
  connection_.reset();
  Result<postgres::Connection> made = connect();
  if (!made) return made.error();
  short_attempts_ = 0;
  if (!migrated_) {
    if (Result<void> done = migrate(*made, migrations()); !done) return done;
    migrated_ = true;
  }
  for (const auto& [name, sql] : {std::pair<const char*, std::string>{"move_offsets", kMoveOffsets},
                                  {"insert_rows", RowColumns::insert_sql()},
                                  {"insert_dead", kInsertDead}}) {
    if (Result<void> prepared = made->prepare(name, sql); !prepared) {
      // The tables were dropped behind our back: make them anew next time.
      if (prepared.error().code == "42P01") migrated_ = false;
      return prepared;
    }
  }
  connection_ = std::make_unique<postgres::Connection>(std::move(*made));
  if (Result<void> known = learn_partitions(); !known) {
    connection_.reset();
    return known;
  }
  for (const WallTime start : config_.partitions.wanted(config_.clock->wall_now())) {
    if (catalog_.find(start) == nullptr) make_partition_for(start);
  }
  return {};
}

Result<postgres::Connection> PostgresStore::connect() {
  if (connecting_.valid()) return connecting_.get();
  return postgres::Connection::connect(next_attempt());
}

postgres::ConnectOptions PostgresStore::next_attempt() {
  postgres::ConnectOptions options = config_.connection;
  // Only for a while: it may be that far away.
  if (short_attempts_ > 0) {
    --short_attempts_;
    options.connect_timeout = std::min(options.connect_timeout, kShortAttempt);
  }
  return options;
}

bool PostgresStore::ready() {
  if (connection_ && connection_->still_open()) return true;
  if (!connecting_.valid()) {
    connecting_ = std::async(std::launch::async, &postgres::Connection::connect, next_attempt());
  }
  return connecting_.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
}

Result<void> PostgresStore::learn_partitions() {
  Result<PartitionCatalog> found = read_catalog(*connection_);
  if (!found) return found.error();
  catalog_ = std::move(*found);
  catalog_stale_ = false;
  return {};
}

// Not needed for what is written to be right, so a failure is only told.
void PostgresStore::make_partition_for(WallTime id_time) {
  const MonotonicTime now = config_.clock->now();
  MonotonicTime& not_before = tried_[config_.partitions.floor(id_time)];
  if (now < not_before || !connection_->usable()) return;
  not_before = now + kRetryPartition;
  const Result<bool> made = make_partition(*connection_, config_.partitions, id_time);
  if (!made) {
    log::warn("partition not made; its rows go to logs_default until it is",
              {{"error", made.error().message}, {"code", made.error().code}});
    return;
  }
  if (*made) log::info("partition made", {{"for", sql_time(id_time)}});
  tried_.erase(config_.partitions.floor(id_time));
  catalog_stale_ = true;
  if (connection_->usable()) (void)learn_partitions();  // else before the next write
}

std::vector<StrangeRow> PostgresStore::place(std::span<const PartitionBatch> batches) {
  id_times_.clear();
  std::vector<StrangeRow> strange;
  const LogPartition* last = nullptr;
  for (const PartitionBatch& batch : batches) {
    for (const LogRow& row : batch.rows) {
      const std::optional<WallTime> time = id_time(row.event.id, catalog_.timed_from);
      id_times_.push_back(time);
      if (!time) continue;
      if (last == nullptr || !last->holds(*time)) last = catalog_.find(*time);
      const WallTime timestamp{Nanoseconds{row.event.timestamp_ns}};
      if (last == nullptr || timestamp < last->ts_from || timestamp >= last->ts_to) {
        strange.push_back({*time, timestamp});
      }
    }
  }
  return strange;
}

Result<StoredPositions> PostgresStore::positions(const std::vector<int>& partitions) {
  if (Result<void> up = ensure(); !up) return up.error();
  BinaryArray numbers(Element::int4);
  for (const int partition : partitions) numbers.add_int(partition);
  // A row must be there, so that a write can be fenced by it. Touching it makes this a true trial
  // of a database that has been away: one that can be read and not written is of no use.
  const Result<postgres::Rows> rows = connection_->query(
      "INSERT INTO consumer_offsets (consumer_group, topic, partition, next_offset) "
      "SELECT $1, $2, u, 0 FROM UNNEST($3::integer[]) AS u "
      "ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET updated_at = now() "
      "RETURNING partition, next_offset, start_offset, stored, duplicates, dead_letters, no_record",
      {config_.group, config_.topic, numbers.take()});
  if (!rows) return rows.error();
  return read_positions(*rows);
}

Result<StoredPositions> PostgresStore::reset_offset(int partition, std::int64_t from,
                                                    std::int64_t to) {
  if (Result<void> up = ensure(); !up) return up.error();
  const Result<postgres::Rows> done = connection_->query(
      "UPDATE consumer_offsets SET next_offset = $5, start_offset = start_offset + $5 - $4, "
      "updated_at = now() WHERE consumer_group = $1 AND topic = $2 AND partition = $3 "
      "AND next_offset = $4 RETURNING partition, next_offset, start_offset, stored, duplicates, "
      "dead_letters, no_record",
      {config_.group, config_.topic, partition, from, to});
  if (!done) return done.error();
  return read_positions(*done);
}

Result<LogStore::Written> PostgresStore::write(std::span<const PartitionBatch> batches) {
  if (Result<void> up = ensure(); !up) return up.error();
  if (catalog_stale_) {
    if (Result<void> known = learn_partitions(); !known) return known.error();
  }
  strange_ = place(batches);
  bool missing = false;
  const WallTime now = config_.clock->wall_now();
  for (const StrangeRow& row : strange_) {
    if (catalog_.find(row.id_time) != nullptr || !config_.partitions.makes(row.id_time, now)) {
      continue;
    }
    missing = true;
    make_partition_for(row.id_time);
  }
  if (missing) strange_ = place(batches);
  Result<Written> written = write_once(batches);
  // A row on its way to logs_default when its partition was made is refused by that: no fault of
  // its own. A row that breaks a constraint is refused again.
  if (!written && written.error().code == kCheckViolation) written = write_once(batches);
  if (!written && written.error().code == postgres::kNoAnswer) short_attempts_ = kShortAttempts;
  return written;
}

Result<LogStore::Written> PostgresStore::write_once(std::span<const PartitionBatch> batches) {
  if (inserts_left_ > 0) {
    --inserts_left_;
    return write_by(&PostgresStore::insert_rows, batches);
  }
  Result<Written> written = write_by(&PostgresStore::copy_rows, batches);
  if (written.ok()) return written;
  const bool known = written.error().code == kUniqueViolation;
  // Where one id is known others are, too: a replay, or a client that tries again. And who waits
  // for whom in a circle has the same ids as another writer.
  if (known || written.error().code == kDeadlock) inserts_left_ = kInsertsAfterDuplicate;
  return known ? write_by(&PostgresStore::insert_rows, batches) : written;
}

Result<LogStore::Written> PostgresStore::write_by(WriteRows write_rows,
                                                  std::span<const PartitionBatch> batches) {
  Result<postgres::Transaction> begun = postgres::Transaction::begin(*connection_);
  if (!begun) return begun.error();
  // Offsets first: two writers of one partition wait for each other before they write rows.
  Result<StoredPositions> moved = move_offsets(batches);
  if (!moved) return moved.error();
  std::vector<int> fenced;
  for (const PartitionBatch& batch : batches) {
    if (!moved->contains(batch.partition)) fenced.push_back(batch.partition);
  }
  if (!fenced.empty()) {
    begun->rollback();
    return Written{.moved = {}, .fenced = std::move(fenced)};
  }
  bool widened = false;
  if (!strange_.empty()) {
    const Result<bool> fitted = fit(*connection_, strange_);
    if (!fitted) return fitted.error();
    widened = *fitted;
  }
  std::int64_t rows = 0;
  for (const PartitionBatch& batch : batches) rows += static_cast<std::int64_t>(batch.rows.size());
  const Result<Counts> known = rows == 0 ? Result<Counts>(Counts{}) : (this->*write_rows)(batches);
  if (!known) return known.error();
  if (Result<void> counted = count_duplicates(*known, *moved); !counted) return counted.error();
  if (Result<void> dead = insert_dead(batches); !dead) return dead.error();
  if (Result<void> done = begun->commit(); !done) return done.error();
  if (widened) catalog_stale_ = true;
  std::int64_t duplicates = 0;
  for (const auto& [partition, count] : *known) duplicates += count;
  return Written{std::move(*moved), rows - duplicates, duplicates, {}};
}

Result<StoredPositions> PostgresStore::move_offsets(std::span<const PartitionBatch> batches) {
  BinaryArray partitions(Element::int4);
  BinaryArray expected(Element::int8);
  BinaryArray next(Element::int8);
  BinaryArray rows(Element::int8);
  BinaryArray dead(Element::int8);
  BinaryArray no_record(Element::int8);
  for (const PartitionBatch& batch : batches) {
    partitions.add_int(batch.partition);
    expected.add_int(batch.expected);
    next.add_int(batch.next);
    rows.add_int(static_cast<std::int64_t>(batch.rows.size()));
    dead.add_int(static_cast<std::int64_t>(batch.dead.size()));
    std::int64_t gaps = 0;
    for (const auto& [offset, size] : batch.gaps) gaps += size;
    no_record.add_int(gaps);
  }
  const Result<postgres::Rows> moved = connection_->query_prepared(
      "move_offsets", {config_.group, config_.topic, partitions.take(), expected.take(),
                       next.take(), rows.take(), dead.take(), no_record.take()});
  if (!moved) return moved.error();
  return read_positions(*moved);
}

Result<void> PostgresStore::count_duplicates(const Counts& duplicates, StoredPositions& moved) {
  BinaryArray partitions(Element::int4);
  BinaryArray counts(Element::int8);
  for (const auto& [partition, count] : duplicates) {
    if (count == 0) continue;
    partitions.add_int(partition);
    counts.add_int(count);
    moved[partition].tally.stored -= count;
    moved[partition].tally.duplicates += count;
  }
  if (partitions.size() == 0) return {};
  const Result<postgres::Rows> done = connection_->query(
      kCountDuplicates, {config_.group, config_.topic, partitions.take(), counts.take()});
  if (!done) return done.error();
  return {};
}

Result<PostgresStore::Counts> PostgresStore::insert_rows(std::span<const PartitionBatch> batches) {
  // In the order of their ids: writers of the same ones wait for each other and never in a circle.
  std::vector<std::pair<const LogRow*, std::optional<WallTime>>> rows;
  for (const PartitionBatch& batch : batches) {
    for (const LogRow& row : batch.rows) rows.emplace_back(&row, id_times_[rows.size()]);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.first->event.id.bytes < b.first->event.id.bytes;
  });
  RowColumns columns;
  for (const auto& [row, id_time] : rows) columns.add(*row, id_time);
  const Result<postgres::Rows> inserted =
      connection_->query_prepared("insert_rows", columns.take());
  if (!inserted) return inserted.error();
  Counts duplicates;
  for (const PartitionBatch& batch : batches) {
    if (!batch.rows.empty()) {
      duplicates[batch.partition] = static_cast<std::int64_t>(batch.rows.size());
    }
  }
  for (int i = 0; i < inserted->size(); ++i) {
    duplicates[static_cast<int>(inserted->integer(i, 0))] -= inserted->integer(i, 1);
  }
  return duplicates;
}

Result<PostgresStore::Counts> PostgresStore::copy_rows(std::span<const PartitionBatch> batches) {
  RowCopy rows;
  std::size_t at = 0;
  for (const PartitionBatch& batch : batches) {
    for (const LogRow& row : batch.rows) rows.add(row, id_times_[at++]);
  }
  const Result<postgres::Rows> copied = connection_->copy_in(RowCopy::copy_sql(), rows.take());
  if (!copied) return copied.error();
  return Counts{};  // else it would have failed
}

Result<void> PostgresStore::insert_dead(std::span<const PartitionBatch> batches) {
  BinaryArray partitions(Element::int4);
  BinaryArray offsets(Element::int8);
  BinaryArray ids(Element::text);
  BinaryArray codes(Element::text);
  BinaryArray reasons(Element::text);
  BinaryArray keys(Element::bytea);
  BinaryArray payloads(Element::bytea);
  BinaryArray traceparents(Element::text);
  BinaryArray tracestates(Element::text);
  for (const PartitionBatch& batch : batches) {
    for (const DeadLetter& letter : batch.dead) {
      partitions.add_int(letter.partition);
      offsets.add_int(letter.offset);
      ids.add_text(safe_text(letter.id, kMaxId));
      codes.add_text(letter.code);
      reasons.add_text(letter.reason);
      keys.add_text(letter.key);
      payloads.add_text(letter.payload);
      traceparents.add_text(safe_text(letter.trace.traceparent, kMaxTraceHeader));
      tracestates.add_text(safe_text(letter.trace.tracestate, kMaxTraceHeader));
    }
  }
  if (partitions.size() == 0) return {};
  const Result<postgres::Rows> inserted = connection_->query_prepared(
      "insert_dead",
      {config_.topic, partitions.take(), offsets.take(), ids.take(), codes.take(), reasons.take(),
       keys.take(), payloads.take(), traceparents.take(), tracestates.take()});
  if (!inserted) return inserted.error();
  return {};
}

}  // namespace stormlog::pipeline
