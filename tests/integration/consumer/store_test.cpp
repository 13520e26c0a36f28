// The consumer's store on a real PostgreSQL: what a transaction holds, who is fenced, what is
// poison.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "events.hpp"
#include "pipeline/consumer/migrations.hpp"
#include "pipeline/consumer/postgres_store.hpp"
#include "pipeline/consumer/query.hpp"
#include "pipeline/consumer/writer.hpp"
#include "support/postgres_server.hpp"

namespace stormlog::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Store : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<test::PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    ASSERT_TRUE(db().script("DROP SCHEMA public CASCADE; CREATE SCHEMA public").ok());
  }

  static postgres::ConnectOptions options() {
    postgres::ConnectOptions options;
    options.conninfo = server_->conninfo();
    return options;
  }
  static postgres::Connection db() { return std::move(*postgres::Connection::connect(options())); }
  static PostgresStore store() { return PostgresStore({options(), "group", "logs"}); }
  static std::int64_t count(const std::string& from) {
    const Result<postgres::Rows> rows = db().query("SELECT count(*) FROM " + from);
    EXPECT_TRUE(rows.ok()) << rows.error().message;
    return rows.ok() ? rows->integer(0, 0) : -1;
  }

  static LogRow row(std::int64_t offset, const std::string& body = "hello") {
    LogRow row;
    row.payload = test::stored_event(static_cast<std::uint32_t>(offset), body);
    row.event = *decode_stored(row.payload);
    row.partition = 2;
    row.offset = offset;
    row.key = "k";
    return row;
  }
  static std::vector<PartitionBatch> batch(std::int64_t from, std::int64_t to) {
    std::vector<PartitionBatch> all(1);
    all[0].partition = 2;
    all[0].expected = from;
    all[0].next = to;
    for (std::int64_t offset = from; offset < to; ++offset) all[0].rows.push_back(row(offset));
    return all;
  }

  static std::unique_ptr<test::PostgresServer> server_;
};
std::unique_ptr<test::PostgresServer> Store::server_;

TEST_F(Store, MakesTheSchemaOnceEvenWhenManyStartTogether) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      PostgresStore mine = store();
      if (mine.positions({0}).ok()) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 6);
  EXPECT_EQ(count("schema_migrations"), static_cast<std::int64_t>(migrations().size()));
}

TEST_F(Store, AFailedMigrationLeavesNothingAndIsToldByName) {
  postgres::Connection connection = db();
  const Migration bad[] = {{1, "0001_good", "CREATE TABLE logs (a int);"},
                           {2, "0002_bad", "CREATE TABLE dead_letters (a int); SELEC 1;"}};
  const Result<void> done = migrate(connection, bad);
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message, HasSubstr("0002_bad"));
  EXPECT_EQ(count("schema_migrations"), 1);
  EXPECT_FALSE(db().query("SELECT * FROM dead_letters").ok());
  const Migration renamed[] = {{1, "0001_other", ""}};
  const Result<void> other = migrate(connection, renamed);
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.error().message, HasSubstr("0001_good"));
}

TEST_F(Store, RowsAndOffsetAreWrittenTogether) {
  PostgresStore mine = store();
  EXPECT_EQ(mine.positions({2})->at(2).next, 0);
  const Result<LogStore::Written> written = mine.write(batch(0, 3));
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(written->inserted, 3);
  EXPECT_EQ(mine.positions({2})->at(2).next, 3);
  EXPECT_EQ(count("logs WHERE kafka_partition = 2 AND attributes->>'seq' = '1' AND ts_ns = "
                  "1700000000000000001 AND trace_id IS NULL AND service = 'test'"),
            1);
}

TEST_F(Store, WhatIsThereAlreadyIsADuplicate) {
  PostgresStore mine = store();
  ASSERT_TRUE(mine.positions({2}).ok());
  ASSERT_TRUE(mine.write(batch(0, 3)).ok());
  std::vector<PartitionBatch> again = batch(3, 5);
  again[0].rows[0] = row(1);        // known
  again[0].rows.push_back(row(4));  // twice in one batch
  const Result<LogStore::Written> written = mine.write(again);
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(written->inserted, 1);
  EXPECT_EQ(written->duplicates, 2);
  EXPECT_EQ(count("logs"), 4);
}

TEST_F(Store, ADuplicateUndoesTheCopyAndNothingIsWrittenTwice) {
  PostgresStore mine = store();
  ASSERT_TRUE(mine.positions({2}).ok());
  ASSERT_TRUE(mine.write(batch(0, 10)).ok());
  // One known row in each transaction for a while, then none: COPY is given up and taken up again.
  std::int64_t next = 10;
  for (int i = 0; i < 60; ++i, next += 5) {
    std::vector<PartitionBatch> more = batch(next, next + 5);
    if (i < 30) more[0].rows[2] = row(3);
    const Result<LogStore::Written> written = mine.write(more);
    ASSERT_TRUE(written.ok()) << written.error().message;
    EXPECT_EQ(written->inserted, i < 30 ? 4 : 5);
    EXPECT_EQ(written->duplicates, i < 30 ? 1 : 0);
  }
  EXPECT_EQ(count("logs"), 10 + 30 * 4 + 30 * 5);
  EXPECT_EQ(mine.positions({2})->at(2).next, next);
}

TEST_F(Store, AZombieWritesNothing) {
  PostgresStore zombie = store();
  PostgresStore owner = store();
  ASSERT_EQ(zombie.positions({2})->at(2).next, 0);
  ASSERT_TRUE(owner.write(batch(0, 2)).ok());
  // It still believes that the offset is 0, and has rows that the owner has not.
  std::vector<PartitionBatch> late = batch(0, 5);
  const Result<LogStore::Written> written = zombie.write(late);
  ASSERT_TRUE(written.ok());
  EXPECT_THAT(written->fenced, ElementsAre(2));
  EXPECT_EQ(count("logs"), 2);
  EXPECT_EQ(owner.positions({2})->at(2).next, 2);
}

// The two of a consumer, where clients tried again and their events went to another partition. The
// ids come in opposite orders: each transaction waits for the other's rows, and PostgreSQL ends
// one.
TEST_F(Store, TwoWritersOfTheSameIdsStoreEachOnce) {
  constexpr std::int64_t kRows = 2'000;
  ASSERT_TRUE(store().positions({2, 3}).ok());
  FlushOutcome outcomes[2];
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      PostgresStore mine = store();
      std::vector<PartitionBatch> rows = batch(0, kRows);
      rows[0].partition = 2 + i;
      for (LogRow& row : rows[0].rows) {
        row.partition = 2 + i;
        if (i == 1) row.event.id = Store::row(kRows - 1 - row.offset).event.id;
      }
      outcomes[i] = write_batches(mine, std::move(rows));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const FlushOutcome both = merge({std::move(outcomes[0]), std::move(outcomes[1])});
  EXPECT_FALSE(both.failure) << both.failure->message;
  EXPECT_EQ(both.inserted, kRows);
  EXPECT_EQ(both.duplicates, kRows);
  EXPECT_EQ(count("logs"), kRows);
  EXPECT_EQ(both.stored.at(2).next, kRows);
  EXPECT_EQ(both.stored.at(3).next, kRows);
  const auto known = store().positions({2, 3});
  EXPECT_EQ(known->at(2).tally.stored + known->at(3).tally.stored, kRows);
  EXPECT_EQ(known->at(2).tally.duplicates + known->at(3).tally.duplicates, kRows);
}

TEST_F(Store, TwoWritersOfOnePartitionNeverBothWin) {
  ASSERT_TRUE(store().positions({2}).ok());
  std::atomic<int> stored = 0;
  std::atomic<int> fenced = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      PostgresStore mine = store();
      for (std::int64_t from = 0; from < 200; from += 10) {
        const FlushOutcome outcome = write_batches(mine, batch(from, from + 10));
        EXPECT_FALSE(outcome.failure);
        stored += static_cast<int>(outcome.stored.size());
        fenced += static_cast<int>(outcome.fenced.size());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stored, 20);
  EXPECT_EQ(fenced, 20);
  EXPECT_EQ(count("logs"), 200);
}

TEST_F(Store, ANulInJsonGoesToTheDeadLettersAndItsNeighboursAreStored) {
  PostgresStore mine = store();
  ASSERT_TRUE(mine.positions({2}).ok());
  std::vector<PartitionBatch> poisoned = batch(0, 10);
  poisoned[0].rows[6].event.attributes = R"({"a":"\u0000"})";
  poisoned[0].rows[8].event.body = std::string("cut\0here", 8);
  poisoned[0].rows[8].payload = std::string("\0\xff", 2);
  poisoned[0].rows[8].trace = {"a parent", std::string("sta\0te", 6)};  // anybody may have sent it
  const FlushOutcome outcome = write_batches(mine, std::move(poisoned));
  EXPECT_FALSE(outcome.failure) << outcome.failure->message;
  EXPECT_EQ(outcome.inserted, 8);
  EXPECT_EQ(outcome.dead, 2);
  EXPECT_EQ(mine.positions({2})->at(2).next, 10);
  const Result<postgres::Rows> dead = db().query(
      "SELECT kafka_offset, code, reason, event_id, encode(payload, 'hex'), traceparent, "
      "tracestate FROM dead_letters "
      "ORDER BY seq");
  ASSERT_EQ(dead->size(), 2);
  EXPECT_EQ(dead->integer(0, 0), 6);
  EXPECT_EQ(dead->text(0, 1), "22P05");
  EXPECT_THAT(std::string(dead->text(0, 2)), HasSubstr("\\u0000"));
  EXPECT_EQ(dead->text(0, 3), test::event_id(6).to_string());
  EXPECT_EQ(dead->text(1, 1), "22021");
  EXPECT_EQ(dead->text(1, 4), "00ff");
  EXPECT_EQ(dead->text(0, 5), "");
  EXPECT_EQ(dead->text(1, 5), "a parent");
  EXPECT_EQ(dead->text(1, 6), "sta?te");
}

TEST_F(Store, ARestartInTheMiddleIsAnOutageAndThenItGoesOn) {
  PostgresStore mine = store();
  ASSERT_TRUE(mine.positions({2}).ok());
  ASSERT_TRUE(mine.write(batch(0, 2)).ok());
  server_->kill9();
  const Result<LogStore::Written> written = mine.write(batch(2, 4));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(postgres::failure_of(written.error()), postgres::Failure::outage);
  server_->start();
  EXPECT_EQ(mine.positions({2})->at(2).next, 2);
  EXPECT_TRUE(mine.write(batch(2, 4)).ok());
  EXPECT_EQ(count("logs"), 4);
}

TEST_F(Store, AServerThatWasRestartedBetweenTwoWritesIsNoFailure) {
  PostgresStore mine = store();
  ASSERT_TRUE(mine.positions({2}).ok());
  ASSERT_TRUE(mine.write(batch(0, 5)).ok());
  server_->kill9();
  server_->start();
  const Result<LogStore::Written> written = mine.write(batch(5, 9));
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(written->moved.at(2).next, 9);
  EXPECT_EQ(count("logs"), 9);
}

TEST_F(Store, AnOffsetIsResetOnlyFromWhereItIs) {
  PostgresStore mine = store();
  ASSERT_TRUE(mine.positions({2}).ok());
  ASSERT_TRUE(mine.write(batch(0, 5)).ok());
  const Result<StoredPositions> not_there = mine.reset_offset(2, 4, 0);
  ASSERT_TRUE(not_there.ok());
  EXPECT_TRUE(not_there->empty());
  EXPECT_EQ(mine.positions({2})->at(2).next, 5);
  EXPECT_EQ(mine.reset_offset(2, 5, 0)->at(2).next, 0);
  EXPECT_EQ(mine.positions({2})->at(2).next, 0);
}

TEST_F(Store, PagesAreNewestFirstAndStableWhileRowsArrive) {
  PostgresStore mine = store();
  ASSERT_TRUE(mine.positions({2}).ok());
  ASSERT_TRUE(mine.write(batch(0, 10)).ok());
  postgres::Connection connection = db();
  LogQuery query;
  query.limit = 4;
  query.filter.service = "test";
  query.filter.severity_at_least = 9;
  std::vector<std::int64_t> seen;
  for (int page = 0; page < 3; ++page) {
    const Statement statement = list_statement(query);
    const Result<postgres::Rows> rows = connection.query(statement.sql, statement.params);
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    for (int i = 0; i < std::min(rows->size(), query.limit); ++i) {
      const FoundLog found = read_row(*rows, i);
      seen.push_back(found.offset);
      query.after = Cursor{found.event.timestamp_ns, found.event.id};
    }
    // Newer ones come in between.
    const std::int64_t from = 10 + page * 2;
    ASSERT_TRUE(mine.write(batch(from, from + 2)).ok());
  }
  EXPECT_THAT(seen, ElementsAre(9, 8, 7, 6, 5, 4, 3, 2, 1, 0));

  const Statement one = get_statement(test::event_id(3));
  const Result<postgres::Rows> rows = connection.query(one.sql, one.params);
  ASSERT_EQ(rows->size(), 1);
  const FoundLog found = read_row(*rows, 0);
  EXPECT_EQ(found.event.id, test::event_id(3));
  EXPECT_EQ(found.event.timestamp_ns, 1'700'000'000'000'000'003);
  EXPECT_EQ(found.event.attributes, R"({"seq": 3})");
  LogQuery early;
  early.until_ns = 1'700'000'000'000'000'002;
  early.since_ns = 1'700'000'000'000'000'001;
  const Statement range = list_statement(early);
  EXPECT_EQ(connection.query(range.sql, range.params)->size(), 1);
}

}  // namespace
}  // namespace stormlog::pipeline
