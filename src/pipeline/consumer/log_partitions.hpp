#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/postgres/connection.hpp"
#include "pipeline/consumer/partition_rules.hpp"

// The partitions of the table `logs` in PostgreSQL: looked up, made, dropped.
//
// Any number of programs may call these at once. They take their locks in one order (an advisory
// lock, the table log_partitions, logs_default, logs) and wait for none longer than kLockWait, so
// that no flush and no query stands behind them for longer; a lock that was not had is an error
// 55P03, to be tried again.
namespace stormlog::pipeline {

inline constexpr std::chrono::milliseconds kLockWait{300};

struct PartitionCatalog {
  WallTime timed_from{};                 // see id_time()
  std::vector<LogPartition> partitions;  // by their time
  // The one for such an id, or null: then the row goes to logs_default.
  const LogPartition* find(WallTime id_time) const;
};

Result<PartitionCatalog> read_catalog(postgres::Connection& db);

// The partition for ids of that time, with what logs_default has of it. False when there is one.
// Until close_past() no autovacuum comes for what is inserted: it would write each page once more
// while the partition grows, and again to freeze it.
Result<bool> make_partition(postgres::Connection& db, const PartitionRules& rules,
                            WallTime id_time);

struct Dropped {
  std::vector<std::string> partitions;
  bool busy = false;  // another program is at it
};
// Partitions that end at or before `now` − retention; by the server's clock where that is earlier.
Result<Dropped> drop_past(postgres::Connection& db, const PartitionRules& rules, WallTime now);

// Leaves the partitions that end at or before `now` to autovacuum, which then freezes all that is
// in them at once. Tells which; those that were closed before are not among them.
Result<std::vector<std::string>> close_past(postgres::Connection& db, WallTime now);

// Rows of logs_untimed and logs_default whose own timestamp and time of storing are both past; at
// most `limit` of each. Tells how many.
Result<std::int64_t> delete_past(postgres::Connection& db, const PartitionRules& rules,
                                 WallTime now, int limit);

// For rows that no known partition fits: widens the times of those that get them. Within the
// transaction that writes the rows. Keeps partitions from being made until its end.
struct StrangeRow {
  WallTime id_time{};
  WallTime timestamp{};
};
// True where log_partitions changed: what was known of it is not true once this is committed.
Result<bool> fit(postgres::Connection& db, const std::vector<StrangeRow>& rows);

// "SELECT … FROM log_partitions WHERE …", for read_partition(): those that are there and attached.
const char* select_partitions();
LogPartition read_partition(const postgres::Rows& rows, int row);

// For PostgreSQL, whatever the session's zone is.
std::string sql_time(WallTime time);

}  // namespace stormlog::pipeline
