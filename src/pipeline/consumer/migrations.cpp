#include "pipeline/consumer/migrations.hpp"

#include <map>
#include <string>

#include "common/base/log.hpp"
#include "common/postgres/connection.hpp"

namespace stormlog::pipeline {
namespace {

// Any number that nobody else uses: "stormlog" in ASCII.
constexpr std::int64_t kLock = 0x73746f726d6c6f67;
constexpr std::chrono::hours kMigrationLimit{4};

Result<std::map<int, std::string>> applied(postgres::Connection& connection) {
  Result<void> made = connection.script(
      "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, "
      "name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())");
  if (!made) return made.error();
  const Result<postgres::Rows> rows =
      connection.query("SELECT version, name FROM schema_migrations");
  if (!rows) return rows.error();
  std::map<int, std::string> found;
  for (int i = 0; i < rows->size(); ++i) {
    found[static_cast<int>(rows->integer(i, 0))] = std::string(rows->text(i, 1));
  }
  return found;
}

Result<void> apply(postgres::Connection& connection, const Migration& migration) {
  Result<postgres::Transaction> begun = postgres::Transaction::begin(connection);
  if (!begun) return begun.error();
  // A big table may take longer than any statement of every day.
  if (Result<void> set = connection.script("SET LOCAL statement_timeout = 0"); !set) return set;
  const std::chrono::milliseconds usual = connection.answer_timeout();
  connection.set_answer_timeout(kMigrationLimit);
  Result<void> done = connection.script(std::string(migration.sql));
  connection.set_answer_timeout(usual);
  if (!done) return done;
  const Result<postgres::Rows> recorded =
      connection.query("INSERT INTO schema_migrations (version, name) VALUES ($1, $2)",
                       {migration.version, migration.name});
  if (!recorded) return recorded.error();
  return begun->commit();
}

Result<void> apply_missing(postgres::Connection& connection, std::span<const Migration> all) {
  const Result<std::map<int, std::string>> before = applied(connection);
  if (!before) return before.error();
  for (const Migration& migration : all) {
    const auto found = before->find(migration.version);
    if (found == before->end()) {
      if (Result<void> done = apply(connection, migration); !done) {
        return done.error().in("migration " + std::string(migration.name));
      }
      log::info("migration applied", {{"name", migration.name}});
    } else if (found->second != migration.name) {
      return Error::permanent("migration " + std::to_string(migration.version) + " is \"" +
                                  found->second + "\" in this database and \"" +
                                  std::string(migration.name) +
                                  "\" in this program: it is the database of another program",
                              "42P07");
    }
  }
  return {};
}

}  // namespace

Result<void> migrate(postgres::Connection& connection, std::span<const Migration> all) {
  // The lock is the session's: it ends with the connection, too.
  const Result<postgres::Rows> locked =
      connection.query("SELECT pg_advisory_lock($1::bigint)", {kLock});
  if (!locked) return locked.error();
  Result<void> done = apply_missing(connection, all);
  if (connection.usable()) {
    (void)connection.query("SELECT pg_advisory_unlock($1::bigint)", {kLock});
  }
  return done;
}

}  // namespace stormlog::pipeline
