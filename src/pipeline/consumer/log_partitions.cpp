#include "pipeline/consumer/log_partitions.hpp"

#include <algorithm>

#include "common/base/units.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;
using postgres::BinaryArray;
using postgres::Connection;
using postgres::Element;
using postgres::Rows;
using postgres::Transaction;

// Any number that nobody else uses: "logparts" in ASCII.
constexpr std::int64_t kLock = 0x6c6f677061727473;
// Timestamps of events mostly lie near those of their ids.
constexpr Nanoseconds kSkew = 24h;

std::int64_t us(WallTime time) {
  return std::chrono::floor<std::chrono::microseconds>(time).time_since_epoch().count();
}

WallTime from_us(std::int64_t us) {
  return WallTime{std::chrono::microseconds{us}};
}

std::string literal(WallTime time) {
  return "'" + sql_time(time) + "'";
}

// Outwards to whole days, so that a table is widened seldom: the last midnight that is not behind
// `time`, and the first that is.
std::int64_t day_before(WallTime time) {
  const std::int64_t ns = time.time_since_epoch().count();
  const std::int64_t day = kSkew.count();
  const std::int64_t part = (ns % day + day) % day;
  return ns < INT64_MIN + part ? INT64_MIN : ns - part;
}
std::int64_t day_after(WallTime time) {
  const std::int64_t day = kSkew.count();
  const std::int64_t before = day_before(time);
  return before > INT64_MAX - day ? INT64_MAX : before + day;
}

Result<Transaction> begin(Connection& db) {
  Result<Transaction> begun = Transaction::begin(db);
  if (!begun) return begun;
  Result<void> set = db.script("SET LOCAL lock_timeout = " + std::to_string(kLockWait.count()));
  if (!set) return set.error();
  return begun;
}

// Whether no other program is at it; until the end of the transaction none will be.
Result<bool> is_alone(Connection& db) {
  const Result<Rows> locked = db.query("SELECT pg_try_advisory_xact_lock($1::bigint)", {kLock});
  if (!locked) return locked.error();
  return locked->text(0, 0) == "t";
}

Result<std::vector<LogPartition>> read_partitions(Connection& db) {
  const Result<Rows> rows = db.query(std::string(select_partitions()) + " ORDER BY id_time_from");
  if (!rows) return rows.error();
  std::vector<LogPartition> found;
  for (int i = 0; i < rows->size(); ++i) found.push_back(read_partition(*rows, i));
  return found;
}

// Table names here are our own: letters, digits and underscores.
std::string make_sql(const std::string& name, WallTime from, WallTime to) {
  return "LOCK TABLE logs_default IN ACCESS EXCLUSIVE MODE; CREATE TABLE " + name +
         " (LIKE logs INCLUDING ALL EXCLUDING INDEXES, PRIMARY KEY (id)) WITH "
         "(autovacuum_vacuum_insert_threshold = -1); WITH moved AS (DELETE FROM logs_default WHERE "
         "id_time >= " +
         literal(from) + " AND id_time < " + literal(to) + " RETURNING *) INSERT INTO " + name +
         " SELECT * FROM moved; ALTER TABLE logs ATTACH PARTITION " + name + " FOR VALUES FROM (" +
         literal(from) + ") TO (" + literal(to) + ")";
}

Result<void> note(Connection& db, const std::string& name, WallTime from, WallTime to) {
  const Result<Rows> noted = db.query(
      "INSERT INTO log_partitions SELECT $1, $2::timestamptz, $3::timestamptz, "
      "LEAST($4::bigint, min(ts_ns)), GREATEST($5::bigint, max(ts_ns) + 1) FROM " +
          name,
      {name, sql_time(from), sql_time(to), day_before(from - kSkew),
       day_after(to + kSkew - Nanoseconds{1})});
  if (!noted) return noted.error();
  return {};
}

// The earlier of both clocks: neither alone may throw away what is not past.
Result<std::optional<WallTime>> safe_cutoff(Connection& db, const PartitionRules& rules,
                                            WallTime now) {
  if (!rules.cutoff(now)) return std::optional<WallTime>();
  const Result<Rows> clock =
      db.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
  if (!clock) return clock.error();
  return rules.cutoff(std::min(now, from_us(clock->integer(0, 0))));
}

}  // namespace

std::string sql_time(WallTime time) {
  std::string text = units::format_rfc3339(time, 6);
  return text;
}

const char* select_partitions() {
  return "SELECT name, (extract(epoch FROM id_time_from) * 1000000)::bigint, "
         "(extract(epoch FROM id_time_to) * 1000000)::bigint, ts_ns_from, ts_ns_to FROM "
         "log_partitions WHERE EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(name) "
         "AND inhparent = 'logs'::regclass)";
}

LogPartition read_partition(const Rows& rows, int row) {
  return {std::string(rows.text(row, 0)), from_us(rows.integer(row, 1)),
          from_us(rows.integer(row, 2)), WallTime{Nanoseconds{rows.integer(row, 3)}},
          WallTime{Nanoseconds{rows.integer(row, 4)}}};
}

const LogPartition* PartitionCatalog::find(WallTime id_time) const {
  const auto after = std::upper_bound(
      partitions.begin(), partitions.end(), id_time,
      [](WallTime time, const LogPartition& partition) { return time < partition.from; });
  if (after == partitions.begin()) return nullptr;
  const LogPartition& found = *std::prev(after);
  return found.holds(id_time) ? &found : nullptr;
}

Result<PartitionCatalog> read_catalog(Connection& db) {
  const Result<Rows> from =
      db.query("SELECT (extract(epoch FROM timed_from) * 1000000)::bigint FROM log_partitioning");
  if (!from) return from.error();
  if (from->size() != 1) {
    return Error::permanent(
        "the table log_partitioning must have one row; it has " + std::to_string(from->size()),
        "42P16");
  }
  Result<std::vector<LogPartition>> partitions = read_partitions(db);
  if (!partitions) return partitions.error();
  return PartitionCatalog{from_us(from->integer(0, 0)), std::move(*partitions)};
}

Result<bool> make_partition(Connection& db, const PartitionRules& rules, WallTime id_time) {
  Result<Transaction> begun = begin(db);
  if (!begun) return begun.error();
  const Result<Rows> alone = db.query("SELECT pg_advisory_xact_lock($1::bigint)", {kLock});
  if (!alone) return alone.error();
  if (Result<void> locked = db.script("LOCK TABLE log_partitions IN EXCLUSIVE MODE"); !locked) {
    return locked.error();
  }
  const Result<std::vector<LogPartition>> existing = read_partitions(db);
  if (!existing) return existing.error();
  for (const LogPartition& partition : *existing) {
    if (partition.holds(id_time)) return false;
  }
  // Of partitions that were dropped or detached by hand.
  if (Result<void> tidy = db.script(std::string("DELETE FROM log_partitions WHERE name NOT IN "
                                                "(SELECT name FROM (") +
                                    select_partitions() + ") AS there)");
      !tidy) {
    return tidy.error();
  }
  const auto [from, to] = rules.free_around(id_time, *existing);
  const std::string name = partition_name(from);
  if (Result<void> made = db.script(make_sql(name, from, to)); !made) return made.error().in(name);
  if (Result<void> noted = note(db, name, from, to); !noted) return noted.error();
  if (Result<void> done = begun->commit(); !done) return done.error();
  return true;
}

Result<Dropped> drop_past(Connection& db, const PartitionRules& rules, WallTime now) {
  Dropped dropped;
  const Result<std::optional<WallTime>> cutoff = safe_cutoff(db, rules, now);
  if (!cutoff) return cutoff.error();
  if (!*cutoff) return dropped;
  const Result<std::vector<LogPartition>> existing = read_partitions(db);
  if (!existing) return existing.error();
  for (const LogPartition& partition : *existing) {
    if (partition.to > **cutoff) continue;
    // One transaction for each: what is done is done.
    Result<Transaction> begun = begin(db);
    if (!begun) return begun.error();
    const Result<bool> alone = is_alone(db);
    if (!alone) return alone.error();
    if (!*alone) {
      dropped.busy = true;
      return dropped;
    }
    // Gone already where another was faster.
    const Result<Rows> noted =
        db.query("DELETE FROM log_partitions WHERE name = $1 AND id_time_to = $2::timestamptz",
                 {partition.name, sql_time(partition.to)});
    if (!noted) return noted.error();
    if (noted->affected() == 0) continue;
    if (Result<void> gone = db.script("DROP TABLE IF EXISTS " + partition.name); !gone) {
      return gone.error().in(partition.name);
    }
    if (Result<void> done = begun->commit(); !done) return done.error();
    dropped.partitions.push_back(partition.name);
  }
  return dropped;
}

Result<std::vector<std::string>> close_past(Connection& db, WallTime now) {
  std::vector<std::string> closed;
  const Result<Rows> open = db.query(
      "SELECT name FROM log_partitions JOIN pg_class ON pg_class.oid = to_regclass(name) WHERE "
      "id_time_to <= $1::timestamptz AND reloptions @> '{autovacuum_vacuum_insert_threshold=-1}' "
      "ORDER BY name",
      {sql_time(now)});
  if (!open) return open.error();
  for (int i = 0; i < open->size(); ++i) {
    const std::string name(open->text(i, 0));
    Result<Transaction> begun = begin(db);
    if (!begun) return begun.error();
    const Result<bool> alone = is_alone(db);
    if (!alone) return alone.error();
    if (!*alone) return closed;  // another program is at it, or does more
    if (Result<void> set = db.script("ALTER TABLE IF EXISTS " + name +
                                     " RESET (autovacuum_vacuum_insert_threshold), "
                                     "SET (autovacuum_freeze_min_age = 0)");
        !set) {
      return set.error().in(name);
    }
    if (Result<void> done = begun->commit(); !done) return done.error();
    closed.push_back(name);
  }
  return closed;
}

Result<std::int64_t> delete_past(Connection& db, const PartitionRules& rules, WallTime now,
                                 int limit) {
  const Result<std::optional<WallTime>> cutoff = safe_cutoff(db, rules, now);
  if (!cutoff) return cutoff.error();
  if (!*cutoff) return 0;
  std::int64_t sum = 0;
  for (const char* table : {"logs_untimed", "logs_default"}) {
    const std::string name = table;
    const Result<Rows> deleted =
        db.query("DELETE FROM " + name + " WHERE ctid = ANY(ARRAY(SELECT ctid FROM " + name +
                     " WHERE ts_ns < $1 AND stored_at < $2::timestamptz ORDER BY ts_ns LIMIT " +
                     std::to_string(limit) + " FOR UPDATE SKIP LOCKED))",
                 {(*cutoff)->time_since_epoch().count(), sql_time(**cutoff)});
    if (!deleted) return deleted.error();
    sum += deleted->affected();
  }
  return sum;
}

Result<bool> fit(Connection& db, const std::vector<StrangeRow>& rows) {
  BinaryArray times(Element::timestamptz);
  BinaryArray from(Element::int8);
  BinaryArray to(Element::int8);
  for (const StrangeRow& row : rows) {
    times.add_timestamp(us(row.id_time));
    from.add_int(day_before(row.timestamp));
    to.add_int(day_after(row.timestamp));
  }
  // A partition that is made between this and the rows would not know of them.
  if (Result<void> locked = db.script("LOCK TABLE log_partitions IN ROW SHARE MODE"); !locked) {
    return locked.error();
  }
  const Result<Rows> widened = db.query(
      "UPDATE log_partitions p SET ts_ns_from = LEAST(p.ts_ns_from, n.low), "
      "ts_ns_to = GREATEST(p.ts_ns_to, n.high) FROM (SELECT o.name, min(r.low) AS low, "
      "max(r.high) AS high FROM UNNEST($1::timestamptz[], $2::bigint[], $3::bigint[]) "
      "AS r(id_time, low, high) JOIN log_partitions o ON r.id_time >= o.id_time_from "
      "AND r.id_time < o.id_time_to GROUP BY o.name) AS n "
      "WHERE p.name = n.name AND (p.ts_ns_from > n.low OR p.ts_ns_to < n.high)",
      {times.take(), from.take(), to.take()});
  if (!widened) return widened.error();
  return widened->affected() > 0;
}

}  // namespace stormlog::pipeline
