// The partitions of the table logs on a real PostgreSQL: how a table that was there becomes one of
// them, that an id meets itself wherever it lies, and that queries pass by what they need not read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "partition_fixture.hpp"
#include "pipeline/consumer/writer.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(Partitions, ATableThatWasThereBecomesOneOfThemWithoutBeingCopied) {
  ASSERT_TRUE(migrate(db_, migrations().first(2)).ok());
  const WallTime now = SystemClock::instance().wall_now();
  const std::vector<Uuid> old = {untimed_id(1),
                                 timed_id(now - 24h * 300, 2),
                                 timed_id(now - 1s, 3),
                                 timed_id(now + 24h * 10, 4),
                                 timed_id(at("2099-12-31T00:00:00Z"), 5),
                                 *Uuid::parse("f0000000-0000-7000-8000-000000000006")};
  for (const Uuid& id : old) {
    const Result<postgres::Rows> done = db_.query(
        "INSERT INTO logs SELECT $1::uuid, now(), 1, 1, 's', 9, '', 'b', false, $2, NULL, 0, NULL, "
        "'{}', '{}', '{}', 2, 0",
        {id.to_string(), std::string(32, 'a')});
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
  const std::string file = text("SELECT pg_relation_filenode('logs')");

  const SystemClock& clock = SystemClock::instance();
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  EXPECT_EQ(text("SELECT pg_relation_filenode('logs_untimed')"), file);
  EXPECT_EQ(count("logs"), 6);
  EXPECT_EQ(count("logs WHERE id_time <> log_id_time(id)"), 0);
  EXPECT_EQ(table_of(old[3]), "logs_default");
  // All of them come again, by COPY first, and something new.
  std::vector<Uuid> again = old;
  again.push_back(untimed_id(7));
  again.push_back(timed_id(now + 24h * 2, 8));
  const LogStore::Written written = write(mine, again);
  EXPECT_EQ(written.inserted, 2);
  EXPECT_EQ(written.duplicates, 6);
  EXPECT_EQ(count("logs"), 8);
  EXPECT_THAT(table_of(again[7]), testing::StartsWith("logs_p"));
  for (const Uuid& id : again) {
    const Statement one = get_statement(id);
    EXPECT_EQ(db_.query(one.sql, one.params)->size(), 1) << id.to_string();
  }
}

TEST_F(Partitions, EveryPartitionHasEveryIndex) {
  ManualClock clock{at("2026-03-01T12:00:00Z")};
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  EXPECT_EQ(count("pg_inherits WHERE inhparent = 'logs'::regclass"), 6);
  // The primary key of its own, and those of the parent.
  EXPECT_EQ(text("SELECT min(n) || ' ' || (SELECT count(*) FROM pg_index WHERE indrelid = "
                 "'logs'::regclass) FROM (SELECT count(*) FILTER (WHERE indisprimary) * 100 + "
                 "count(*) FILTER (WHERE EXISTS (SELECT FROM pg_inherits WHERE inhrelid = "
                 "indexrelid)) AS n FROM pg_index JOIN pg_inherits i ON i.inhrelid = indrelid "
                 "WHERE i.inhparent = 'logs'::regclass GROUP BY indrelid) AS each"),
            "104 4");
}

TEST_F(Partitions, AnIdMeetsItselfWhereverItLiesAndHoweverLate) {
  ManualClock clock{at("2026-03-01T12:00:00Z")};
  const WallTime now = clock.wall_now();
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  const std::vector<Uuid> ids = {untimed_id(1),
                                 timed_id(now, 2),
                                 timed_id(now - 24h * 5, 3),
                                 timed_id(now - 24h * 3'000, 4),
                                 timed_id(now + 24h * 400, 5),
                                 timed_id(at("2200-01-01T00:00:00Z"), 6)};
  EXPECT_EQ(write(mine, ids).inserted, 6);
  EXPECT_EQ(table_of(ids[0]), "logs_untimed");
  EXPECT_EQ(table_of(ids[1]), "logs_p20260301");
  EXPECT_EQ(table_of(ids[2]), "logs_p20260224");
  EXPECT_EQ(table_of(ids[3]), "logs_default");
  EXPECT_EQ(table_of(ids[4]), "logs_default");
  EXPECT_EQ(table_of(ids[5]), "logs_untimed");
  // Again in a year and more: the day of one of them has come.
  for (int i = 0; i < 3; ++i) {
    clock.advance(24h * 200);
    PostgresStore later = store(clock);
    ASSERT_TRUE(later.positions({2}).ok());
    const LogStore::Written written = write(later, ids);
    EXPECT_EQ(written.duplicates, 6) << i;
    EXPECT_EQ(written.inserted, 0) << i;
  }
  EXPECT_EQ(table_of(ids[4]), "logs_p20270405");
  EXPECT_EQ(count("logs"), 6);
  EXPECT_EQ(count("logs WHERE id_time <> log_id_time(id)"), 0);
}

TEST_F(Partitions, ABatchAcrossMidnightGoesToBothDays) {
  // The clock has run for a second.
  ManualClock clock{at("2026-03-01T23:59:58.900Z")};
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  const WallTime midnight = at("2026-03-02T00:00:00Z");
  write(mine, {timed_id(midnight - 1ms, 1), timed_id(midnight, 2), timed_id(midnight + 1ms, 3)});
  EXPECT_EQ(count("logs_p20260301"), 1);
  EXPECT_EQ(count("logs_p20260302"), 2);
  // Nobody kept the partitions for two weeks, and the connection was never lost.
  clock.advance(24h * 14);
  EXPECT_EQ(write(mine, {timed_id(clock.wall_now(), 4)}).inserted, 1);
  EXPECT_EQ(count("logs_p20260315"), 1);
  EXPECT_EQ(count("logs_default"), 0);
}

TEST_F(Partitions, ManyMakeTheSameOnesAtOnce) {
  ManualClock clock{at("2026-03-08T12:00:00Z")};
  std::atomic<std::int64_t> inserted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      PostgresStore mine = store(clock);
      ASSERT_TRUE(mine.positions({t}).ok());
      for (int round = 0; round < 10; ++round) {
        std::vector<PartitionBatch> all(1);
        all[0].partition = t;
        all[0].expected = round * 9;
        all[0].next = round * 9 + 9;
        // Each its own order of the days.
        for (int i = 0; i < 9; ++i) {
          const int day = (i * (t + 1) + round) % 9 - 6;
          all[0].rows.push_back(row(round * 9 + i,
                                    timed_id(clock.wall_now() + 24h * day,
                                             static_cast<std::uint32_t>(t * 1'000 + round * 9 + i)),
                                    t));
        }
        const FlushOutcome outcome = write_batches(mine, std::move(all));
        EXPECT_FALSE(outcome.failure) << outcome.failure->message;
        EXPECT_EQ(outcome.dead, 0);
        inserted += outcome.inserted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(inserted, 6 * 90);
  EXPECT_EQ(count("logs"), 6 * 90);
  EXPECT_EQ(count("log_partitions"), 10);
}

TEST_F(Partitions, RowsAreNeverRefusedWhileTheirPartitionsAreMade) {
  ManualClock clock{at("2026-03-01T12:00:00Z")};
  PostgresStore first = store(clock);
  ASSERT_TRUE(first.positions({0}).ok());
  PartitionRules far;
  far.ahead = 100;
  std::atomic<bool> stop = false;
  std::thread maker([&] {
    postgres::Connection db = connect();
    for (int day = 10; day < 60; ++day) {
      Result<bool> made = false;
      do {
        made = make_partition(db, far, clock.wall_now() + 24h * day);
        // Nothing but the lock may be missing.
        if (!made) {
          EXPECT_EQ(postgres::failure_of(made.error()), postgres::Failure::conflict);
        }
      } while (!made);
    }
    stop = true;
  });
  // These believe that all of it belongs to logs_default.
  std::atomic<std::int64_t> inserted = 0;
  std::vector<std::thread> writers;
  for (int t = 0; t < 3; ++t) {
    writers.emplace_back([&, t] {
      PostgresStore mine = store(clock);
      ASSERT_TRUE(mine.positions({t}).ok());
      for (std::int64_t from = 0; !stop || from < 90; from += 3) {
        std::vector<PartitionBatch> all(1);
        all[0].partition = t;
        all[0].expected = from;
        all[0].next = from + 3;
        for (std::int64_t offset = from; offset < from + 3; ++offset) {
          all[0].rows.push_back(row(offset,
                                    timed_id(clock.wall_now() + 24h * (10 + offset % 50),
                                             static_cast<std::uint32_t>(offset * 3 + t)),
                                    t));
        }
        const FlushOutcome outcome = write_batches(mine, std::move(all));
        ASSERT_FALSE(outcome.failure) << outcome.failure->message;
        ASSERT_EQ(outcome.dead, 0);
        inserted += outcome.inserted;
      }
    });
  }
  maker.join();
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(count("logs"), inserted);
  EXPECT_EQ(count("(SELECT DISTINCT id FROM logs) AS each"), inserted);
  EXPECT_EQ(count("logs_default"), 0);
  EXPECT_EQ(count("dead_letters"), 0);
}

TEST_F(Partitions, APartitionThatWasDroppedByHandCostsNoRow) {
  ManualClock clock{at("2026-03-01T12:00:00Z")};
  const WallTime now = clock.wall_now();
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  EXPECT_EQ(write(mine, {timed_id(now, 1)}).inserted, 1);
  EXPECT_EQ(write(mine, {timed_id(now, 5)}).inserted, 1);
  ASSERT_TRUE(db_.script("DROP TABLE logs_p20260301").ok());
  EXPECT_EQ(write(mine, {timed_id(now, 2), timed_id(now, 3)}).inserted, 2);
  EXPECT_EQ(table_of(timed_id(now, 2)), "logs_default");
  // Made anew with the next connection.
  mine = store(clock);
  EXPECT_EQ(write(mine, {timed_id(now, 4), timed_id(now, 2)}).duplicates, 1);
  EXPECT_EQ(count("logs_p20260301"), 3);
}

TEST_F(Partitions, WhatBreaksAConstraintIsStillADeadLetter) {
  ManualClock clock{at("2026-03-01T12:00:00Z")};
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  std::vector<PartitionBatch> all(1);
  all[0].partition = 2;
  all[0].next = 3;
  for (std::int64_t offset = 0; offset < 3; ++offset) {
    all[0].rows.push_back(
        row(offset, timed_id(clock.wall_now(), static_cast<std::uint32_t>(offset))));
  }
  all[0].rows[1].event.severity_number = 99;
  const FlushOutcome outcome = write_batches(mine, std::move(all));
  EXPECT_EQ(outcome.inserted, 2);
  EXPECT_EQ(outcome.dead, 1);
  EXPECT_EQ(text("SELECT code FROM dead_letters"), "23514");
}

TEST_F(Partitions, QueriesPassByWhatHoldsNothingOfTheirTime) {
  ManualClock clock{at("2026-03-08T12:00:00Z")};
  const WallTime now = clock.wall_now();
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  // One event for each of the last days, at the time of its id; one whose own time is far from it.
  std::vector<PartitionBatch> all(1);
  all[0].partition = 2;
  for (int day = 0; day < 7; ++day) {
    LogRow one = row(day, timed_id(now - 24h * day, static_cast<std::uint32_t>(day)));
    one.event.timestamp_ns = (now - 24h * day).time_since_epoch().count();
    all[0].rows.push_back(std::move(one));
  }
  all[0].next = 7;
  ASSERT_TRUE(mine.write(all).ok());
  const auto ask = [&](const LogQuery& query) {
    const Result<PartitionCatalog> catalog = read_catalog(db_);
    return list_statement(query, catalog->partitions);
  };
  const auto offsets = [&](const Statement& statement) {
    const Result<postgres::Rows> rows = db_.query(statement.sql, statement.params);
    EXPECT_TRUE(rows.ok()) << rows.error().message;
    std::vector<std::int64_t> found;
    for (int i = 0; i < rows->size(); ++i) found.push_back(read_row(*rows, i).offset);
    return found;
  };
  LogQuery recent;
  recent.since_ns = (now - 1h).time_since_epoch().count();
  std::string plan = explain(ask(recent));
  EXPECT_THAT(plan, HasSubstr("logs_p20260308"));
  EXPECT_THAT(plan, HasSubstr("logs_default"));
  EXPECT_THAT(plan, HasSubstr("logs_untimed"));
  EXPECT_THAT(plan, Not(HasSubstr("logs_p20260305")));
  EXPECT_THAT(offsets(ask(recent)), ElementsAre(0));

  LogQuery middle;
  middle.since_ns = (now - 24h * 4 - 1h).time_since_epoch().count();
  middle.until_ns = (now - 24h * 4 + 1h).time_since_epoch().count();
  plan = explain(ask(middle));
  EXPECT_THAT(plan, HasSubstr("logs_p20260304"));
  EXPECT_THAT(plan, Not(HasSubstr("logs_p20260302")));
  EXPECT_THAT(plan, Not(HasSubstr("logs_p20260308")));
  EXPECT_THAT(offsets(ask(middle)), ElementsAre(4));

  // An event of today in a partition of six days ago: the partition is not passed by any more.
  std::vector<PartitionBatch> skewed(1);
  skewed[0].partition = 2;
  skewed[0].expected = 7;
  skewed[0].next = 8;
  skewed[0].rows.push_back(row(7, timed_id(now - 24h * 6, 99)));
  skewed[0].rows[0].event.timestamp_ns = now.time_since_epoch().count() + 1;
  ASSERT_TRUE(mine.write(skewed).ok());
  EXPECT_THAT(offsets(ask(recent)), ElementsAre(7, 0));

  // Page by page, and by id.
  LogQuery page;
  page.limit = 1;
  std::vector<std::int64_t> seen;
  for (int i = 0; i < 8; ++i) {
    const Statement statement = ask(page);
    const Result<postgres::Rows> rows = db_.query(statement.sql, statement.params);
    ASSERT_GT(rows->size(), 0);
    const FoundLog found = read_row(*rows, 0);
    seen.push_back(found.offset);
    page.after = Cursor{found.event.timestamp_ns, found.event.id};
  }
  EXPECT_THAT(seen, ElementsAre(7, 0, 1, 2, 3, 4, 5, 6));
  plan = explain(get_statement(timed_id(now, 0)));
  EXPECT_THAT(plan, HasSubstr("logs_p20260308"));
  EXPECT_THAT(plan, HasSubstr("logs_untimed"));
  EXPECT_THAT(plan, Not(HasSubstr("logs_p20260307")));
  EXPECT_THAT(plan, Not(HasSubstr("logs_default")));
}

}  // namespace
}  // namespace stormlog::pipeline
