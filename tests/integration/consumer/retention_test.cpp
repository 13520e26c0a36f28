// What the retention takes away of the table logs, on a real PostgreSQL, and what it leaves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "partition_fixture.hpp"
#include "pipeline/consumer/partition_keeper.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Retention = Partitions;

TEST_F(Retention, TheRetentionDropsWhatIsPastAndNothingElse) {
  const SystemClock& clock = SystemClock::instance();
  const WallTime now = clock.wall_now();
  PartitionRules rules;
  PostgresStore mine = store(clock, rules);
  ASSERT_TRUE(mine.positions({2}).ok());
  std::vector<Uuid> ids;
  for (int day = 0; day < 6; ++day)
    ids.push_back(timed_id(now - 24h * day, static_cast<std::uint32_t>(day)));
  write(mine, ids);
  const std::int64_t before = count("log_partitions");

  // Nothing without a retention.
  EXPECT_THAT(drop_past(db_, rules, now)->partitions, ElementsAre());
  rules.retention = 72h;
  // Not by the clock of this program alone, should it be far ahead.
  const Result<Dropped> dropped = drop_past(db_, rules, now + 24h * 365);
  ASSERT_TRUE(dropped.ok()) << dropped.error().message;
  // Of three days ago a part is not past yet.
  EXPECT_THAT(dropped->partitions, ElementsAre(partition_name(rules.floor(now) - 24h * 5),
                                               partition_name(rules.floor(now) - 24h * 4)));
  EXPECT_EQ(count("log_partitions"), before - 2);
  EXPECT_EQ(count("logs"), 4);
  EXPECT_THAT(drop_past(db_, rules, now)->partitions, ElementsAre());
  // What comes after that is not lost.
  mine = store(clock, rules);
  EXPECT_EQ(write(mine, {ids[5]}).inserted, 1);
  EXPECT_EQ(table_of(ids[5]), "logs_default");
}

TEST_F(Retention, OneOfManyDropsEachPartition) {
  const SystemClock& clock = SystemClock::instance();
  const WallTime now = clock.wall_now();
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  std::vector<Uuid> ids;
  for (int day = 0; day < 7; ++day)
    ids.push_back(timed_id(now - 24h * day, static_cast<std::uint32_t>(day)));
  write(mine, ids);
  PartitionRules rules;
  rules.retention = 24h;
  std::mutex mutex;
  std::vector<std::string> dropped;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      postgres::Connection db = connect();
      for (;;) {
        const Result<Dropped> done = drop_past(db, rules, now);
        const std::lock_guard lock(mutex);
        if (!done) {
          EXPECT_EQ(postgres::failure_of(done.error()), postgres::Failure::conflict)
              << done.error().message;
          continue;
        }
        dropped.insert(dropped.end(), done->partitions.begin(), done->partitions.end());
        if (!done->busy) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> expected;
  for (int day = 2; day < 7; ++day)
    expected.push_back(partition_name(rules.floor(now) - 24h * day));
  EXPECT_THAT(dropped, testing::UnorderedElementsAreArray(expected));
}

TEST_F(Retention, AReaderHoldsTheRetentionUpAndNotTheOtherWayRound) {
  const SystemClock& clock = SystemClock::instance();
  const WallTime now = clock.wall_now();
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  write(mine, {timed_id(now - 24h * 5, 1)});
  PartitionRules rules;
  rules.retention = 24h;
  postgres::Connection reader = connect();
  ASSERT_TRUE(reader.script("BEGIN; SELECT count(*) FROM logs").ok());
  const Result<Dropped> refused = drop_past(db_, rules, now);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "55P03");
  EXPECT_EQ(write(mine, {timed_id(now, 2)}).inserted, 1);
  EXPECT_EQ(count("logs"), 2);
  ASSERT_TRUE(reader.script("COMMIT").ok());
  EXPECT_EQ(drop_past(db_, rules, now)->partitions.size(), 1u);
  EXPECT_EQ(count("logs"), 1);
}

TEST_F(Retention, RowsWithoutATimeInTheirIdArePastByTheirOwnTimes) {
  const SystemClock& clock = SystemClock::instance();
  const WallTime now = clock.wall_now();
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  // Their own timestamps are of 2023.
  write(mine, {untimed_id(1), untimed_id(2), untimed_id(3), timed_id(now + 24h * 90, 4)});
  const auto change = [&](const Uuid& id, const std::string& set) {
    ASSERT_TRUE(
        db_.query("UPDATE logs SET " + set + " WHERE id = $1::uuid", {id.to_string()}).ok());
  };
  change(untimed_id(1), "stored_at = now() - interval '3 days'");
  change(untimed_id(2), "stored_at = now() - interval '3 days', ts_ns = " +
                            std::to_string(now.time_since_epoch().count()));
  change(timed_id(now + 24h * 90, 4), "stored_at = now() - interval '3 days'");
  PartitionRules rules;
  EXPECT_EQ(*delete_past(db_, rules, now, 100), 0);
  rules.retention = 48h;
  EXPECT_EQ(*delete_past(db_, rules, now, 100), 2);
  EXPECT_EQ(count("logs"), 2);
  EXPECT_EQ(table_of(untimed_id(2)), "logs_untimed");  // its event is not past
  EXPECT_EQ(table_of(untimed_id(3)), "logs_untimed");  // it has just come
}

TEST_F(Retention, WhatIsPastIsLeftToAutovacuumOnce) {
  const SystemClock& clock = SystemClock::instance();
  const WallTime now = clock.wall_now();
  PartitionRules rules;
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  write(mine, {timed_id(now, 1), timed_id(now - 24h * 2, 2), timed_id(now - 24h * 3, 3)});
  const std::string before = partition_name(rules.floor(now) - 24h * 3);
  const std::string past = partition_name(rules.floor(now) - 24h * 2);
  const std::string today = partition_name(rules.floor(now));
  const auto options_of = [&](const std::string& name) {
    return text("SELECT reloptions FROM pg_class WHERE relname = '" + name + "'");
  };
  for (const std::string& name : {before, past, today}) {
    EXPECT_EQ(options_of(name), "{autovacuum_vacuum_insert_threshold=-1}");
  }

  // A program that makes or drops partitions is not waited for.
  postgres::Connection other = connect();
  ASSERT_TRUE(other.script("BEGIN; LOCK TABLE " + before + " IN ACCESS EXCLUSIVE MODE").ok());
  EXPECT_EQ(close_past(db_, now).error().code, "55P03");
  ASSERT_TRUE(other.script("ROLLBACK").ok());
  EXPECT_EQ(options_of(past), "{autovacuum_vacuum_insert_threshold=-1}");

  EXPECT_THAT(*close_past(db_, now), ElementsAre(before, past));
  EXPECT_EQ(options_of(before), "{autovacuum_freeze_min_age=0}");
  EXPECT_EQ(options_of(past), "{autovacuum_freeze_min_age=0}");
  EXPECT_EQ(options_of(today), "{autovacuum_vacuum_insert_threshold=-1}");
  EXPECT_THAT(*close_past(db_, now), ElementsAre());
  EXPECT_EQ(write(mine, {timed_id(now - 24h * 2, 4)}).inserted, 1);
}

TEST_F(Retention, TheKeeperMakesDropsAndCounts) {
  ManualClock clock{SystemClock::instance().wall_now()};
  const WallTime now = clock.wall_now();
  PostgresStore mine = store(clock);
  ASSERT_TRUE(mine.positions({2}).ok());
  EXPECT_EQ(
      write(mine, {timed_id(now - 24h * 5, 1), timed_id(now + 24h * 90, 2), timed_id(now - 24h, 3)})
          .inserted,
      3);
  PartitionRules rules;
  rules.ahead = 6;
  rules.retention = 48h;
  telemetry::Metrics metrics;
  const auto breaker = std::make_shared<resilience::CircuitBreaker>(
      "postgresql", resilience::CircuitBreakerConfig{}, clock, Random(1));
  const PartitionKeeper keeper(options(), rules, breaker, metrics, clock);
  EXPECT_TRUE(test::eventually([&] {
    const std::string text = metrics.expose();
    return text.find("\npg_log_partitions 8\n") != std::string::npos &&
           text.find("\npg_log_default_rows 1\n") != std::string::npos;
  })) << metrics.expose();
  EXPECT_THAT(metrics.expose(), HasSubstr("\npg_log_partitions_made_total 3\n"));
  EXPECT_THAT(metrics.expose(), HasSubstr("\npg_log_partitions_dropped_total 1\n"));
  EXPECT_THAT(metrics.expose(), HasSubstr("\npg_log_partition_errors_total 0\n"));
  EXPECT_EQ(count("pg_class WHERE reloptions = '{autovacuum_freeze_min_age=0}'"), 1);
}

}  // namespace
}  // namespace stormlog::pipeline
