#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/units.hpp"
#include "events.hpp"
#include "pipeline/consumer/migrations.hpp"
#include "pipeline/consumer/postgres_store.hpp"
#include "pipeline/consumer/query.hpp"
#include "support/postgres_server.hpp"

// A real PostgreSQL whose database is empty at the start of each test, and rows with ids of any
// time.
namespace stormlog::pipeline {

inline WallTime at(const std::string& text) {
  return *units::parse_rfc3339(text);
}

// A version 7 UUID of that time.
inline Uuid timed_id(WallTime time, std::uint32_t number) {
  Uuid id = test::event_id(number);
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count());
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  return id;
}

// A version 4 UUID.
inline Uuid untimed_id(std::uint32_t number) {
  Uuid id = test::event_id(number);
  id.bytes[6] = 0x4a;
  return id;
}

class Partitions : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<test::PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    ASSERT_TRUE(db_.script("DROP SCHEMA public CASCADE; CREATE SCHEMA public").ok());
  }

  static postgres::ConnectOptions options() {
    postgres::ConnectOptions options;
    options.conninfo = server_->conninfo();
    return options;
  }
  static postgres::Connection connect() {
    return std::move(*postgres::Connection::connect(options()));
  }
  PostgresStore store(const Clock& clock, PartitionRules rules = {}) {
    return PostgresStore({options(), "group", "logs", rules, &clock});
  }
  std::string text(const std::string& sql) {
    const Result<postgres::Rows> rows = db_.query(sql);
    EXPECT_TRUE(rows.ok()) << sql << ": " << rows.error().message;
    return rows.ok() && rows->size() > 0 ? std::string(rows->text(0, 0)) : "";
  }
  std::int64_t count(const std::string& from) {
    return std::stoll("0" + text("SELECT count(*) FROM " + from));
  }
  // Where a row lies.
  std::string table_of(const Uuid& id) {
    return text("SELECT tableoid::regclass FROM logs WHERE id = '" + id.to_string() + "'");
  }
  std::string explain(const Statement& statement) {
    const Result<postgres::Rows> rows = db_.query("EXPLAIN " + statement.sql, statement.params);
    EXPECT_TRUE(rows.ok()) << rows.error().message;
    std::string all;
    for (int i = 0; rows.ok() && i < rows->size(); ++i) all.append(rows->text(i, 0)).append("\n");
    return all;
  }

  static LogRow row(std::int64_t offset, const Uuid& id, int partition = 2) {
    LogRow row;
    row.payload = test::stored_event(static_cast<std::uint32_t>(offset));
    row.event = *decode_stored(row.payload);
    row.event.id = id;
    row.partition = partition;
    row.offset = offset;
    return row;
  }
  // A batch of these ids from `next_` on.
  LogStore::Written write(LogStore& to, const std::vector<Uuid>& ids) {
    std::vector<PartitionBatch> all(1);
    all[0].partition = 2;
    all[0].expected = next_;
    for (const Uuid& id : ids) all[0].rows.push_back(row(next_++, id));
    all[0].next = next_;
    Result<LogStore::Written> written = to.write(all);
    EXPECT_TRUE(written.ok()) << written.error().message;
    if (!written) return {};
    EXPECT_TRUE(written->fenced.empty());
    return std::move(*written);
  }

  inline static std::unique_ptr<test::PostgresServer> server_;
  postgres::Connection db_ = connect();
  std::int64_t next_ = 0;
};

}  // namespace stormlog::pipeline
