#include "pipeline/consumer/partition_keeper.hpp"

#include "common/base/log.hpp"
#include "common/base/thread_name.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kIdle = 60s;
constexpr auto kRetry = 5s;
constexpr auto kMore = 100ms;  // between pages of rows that are deleted
constexpr int kRowsAtOnce = 5'000;
constexpr int kCountedRows = 100'000;
constexpr const char* kNoTable = "42P01";

}  // namespace

PartitionKeeper::PartitionKeeper(postgres::ConnectOptions connection, PartitionRules rules,
                                 std::shared_ptr<resilience::CircuitBreaker> postgres_breaker,
                                 telemetry::Metrics& metrics, const Clock& clock)
    : rules_(rules),
      breaker_(std::move(postgres_breaker)),
      clock_(clock),
      db_(std::move(connection)),
      partitions_(metrics.gauge("pg_log_partitions", "Partitions of the table logs for a time")),
      default_rows_(metrics.gauge("pg_log_default_rows",
                                  "Rows in logs_default, whose ids are from far off; counted up to "
                                  "100000")),
      made_(metrics.counter("pg_log_partitions_made_total", "Partitions made ahead of their time")),
      dropped_(metrics.counter("pg_log_partitions_dropped_total",
                               "Partitions dropped because they were past the retention")),
      expired_rows_(
          metrics.counter("pg_log_rows_expired_total",
                          "Rows without a time in their id that were deleted because they "
                          "were past the retention")),
      errors_(metrics.counter("pg_log_partition_errors_total",
                              "Failed attempts to make or drop partitions; they are repeated")),
      thread_([this] { loop(); }) {}

PartitionKeeper::~PartitionKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  condition_.notify_one();
  thread_.join();
}

void PartitionKeeper::loop() {
  name_thread("partitions");
  bool told = false;
  for (;;) {
    const Result<bool> done = step();
    if (!done) {
      errors_.add();
      if (!told) log::warn("partitions not kept", {{"error", done.error().message}});
    }
    told = !done;
    std::unique_lock lock(mutex_);
    const std::chrono::milliseconds wait = !done ? kRetry : *done ? kIdle : kMore;
    condition_.wait_for(lock, wait, [this] { return stop_; });
    if (stop_) return;
  }
}

Result<bool> PartitionKeeper::step() {
  // Not a call that the breaker should count: the ingest finds out for itself, and makes the
  // partitions of the day when PostgreSQL is back.
  if (!breaker_->would_permit()) return true;
  const Result<postgres::Connection*> db = db_.connection();
  if (!db) return db.error();
  const Result<void> wanted = make_wanted(**db);
  // The tables come with the migrations, which the ingest applies.
  if (!wanted && wanted.error().code == kNoTable) return false;
  if (!wanted) return wanted.error();
  const Result<bool> dropped = drop(**db);
  if (!dropped) return dropped.error();
  if (Result<void> closed = close(**db); !closed) return closed.error();
  if (Result<void> measured = measure(**db); !measured) return measured.error();
  return *dropped;
}

Result<void> PartitionKeeper::make_wanted(postgres::Connection& db) {
  const Result<PartitionCatalog> catalog = read_catalog(db);
  if (!catalog) return catalog.error();
  for (const WallTime start : rules_.wanted(clock_.wall_now())) {
    if (catalog->find(start) != nullptr) continue;
    const Result<bool> made = make_partition(db, rules_, start);
    if (!made) return made.error();
    if (!*made) continue;
    made_.add();
    log::info("partition made", {{"for", sql_time(start)}});
  }
  return {};
}

Result<bool> PartitionKeeper::drop(postgres::Connection& db) {
  const Result<Dropped> dropped = drop_past(db, rules_, clock_.wall_now());
  if (!dropped) return dropped.error();
  for (const std::string& name : dropped->partitions) {
    dropped_.add();
    log::info("partition dropped, past the retention", {{"name", name}});
  }
  const Result<std::int64_t> deleted = delete_past(db, rules_, clock_.wall_now(), kRowsAtOnce);
  if (!deleted) return deleted.error();
  expired_rows_.add(static_cast<double>(*deleted));
  return *deleted < kRowsAtOnce;
}

Result<void> PartitionKeeper::close(postgres::Connection& db) {
  const Result<std::vector<std::string>> closed = close_past(db, clock_.wall_now());
  if (!closed) return closed.error();
  for (const std::string& name : *closed) {
    log::info("partition closed, left to autovacuum", {{"name", name}});
  }
  return {};
}

Result<void> PartitionKeeper::measure(postgres::Connection& db) {
  const Result<postgres::Rows> rows = db.query(
      "SELECT (SELECT count(*) FROM log_partitions), (SELECT count(*) FROM (SELECT FROM "
      "logs_default LIMIT " +
      std::to_string(kCountedRows) + ") AS counted)");
  if (!rows) return rows.error();
  partitions_.set(static_cast<double>(rows->integer(0, 0)));
  default_rows_.set(static_cast<double>(rows->integer(0, 1)));
  return {};
}

}  // namespace stormlog::pipeline
