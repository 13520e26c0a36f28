#include "pipeline/consumer/conservation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/consumer/ingest_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;
using test::Member;
using test::World;

TEST(Conservation, AddsUpWhereEveryRecordIsSomewhere) {
  // 100 .. 110 done with, 110 .. 115 in Redis, 115 .. 120 in Kafka alone.
  const PartitionAccount account{{110, {100, 6, 2, 1, 1}}, 115, 5};
  const Conservation all = conserve(account, 120);
  EXPECT_EQ(all.accepted, 20);
  EXPECT_EQ(all.stored, 6);
  EXPECT_EQ(all.duplicate, 2);
  EXPECT_EQ(all.dead_letter, 1);
  EXPECT_EQ(all.no_record, 1);
  EXPECT_EQ(all.spilled, 5);
  EXPECT_EQ(all.in_flight, 5);
  EXPECT_EQ(all.gap(), 0);
}

TEST(Conservation, TellsWhatIsMissingAndWhatIsTwice) {
  EXPECT_EQ(conserve({{110, {100, 6, 2, 1, 0}}, 115, 5}, 120).gap(), 1);
  EXPECT_EQ(conserve({{110, {100, 6, 2, 1, 1}}, 115, 3}, 120).gap(), 2);
  EXPECT_EQ(conserve({{110, {100, 8, 2, 1, 1}}, 115, 5}, 120).gap(), -2);
}

TEST(Conservation, WhatArrivedSinceKafkaWasAskedIsNoGap) {
  const Conservation all = conserve({{130, {100, 30, 0, 0, 0}}, 130, 0}, 120);
  EXPECT_EQ(all.accepted, 30);
  EXPECT_EQ(all.in_flight, 0);
  EXPECT_EQ(all.gap(), 0);
}

TEST(ConservationKeeper, ForgetsWhatIsOldAndWhatIsNotAssigned) {
  telemetry::Metrics metrics;
  ManualClock clock;
  ConservationKeeper keeper(metrics, clock);
  Positions positions;
  positions.next = {{0, 10}, {1, std::nullopt}};
  positions.accounts[0] = {{10, {0, 9, 0, 0, 0}}, 10, 0};
  keeper.update({{0, 12}, {1, 5}}, positions);
  EXPECT_THAT(metrics.expose(),
              testing::HasSubstr("pipeline_conservation_gap{partition=\"0\"} 1\n"));
  EXPECT_THAT(metrics.expose(), testing::HasSubstr("term=\"in_flight\"} 2\n"));
  EXPECT_THAT(metrics.expose(), testing::Not(testing::HasSubstr("gap{partition=\"1\"}")));
  // Unknown for a moment: the last figures hold for a while.
  positions.accounts.clear();
  clock.advance(ConservationKeeper::kMaxAge);
  keeper.update({{0, 12}}, positions);
  EXPECT_THAT(metrics.expose(), testing::HasSubstr("pipeline_conservation_gap"));
  clock.advance(1ms);
  EXPECT_THAT(metrics.expose(), testing::Not(testing::HasSubstr("pipeline_conservation_gap")));
  positions.accounts[0] = {{10, {0, 10, 0, 0, 0}}, 10, 0};
  keeper.update({{0, 12}}, positions);
  EXPECT_THAT(metrics.expose(), testing::HasSubstr("pipeline_conservation_gap"));
  positions.next.erase(0);
  positions.accounts.clear();
  keeper.update({{0, 12}}, positions);
  EXPECT_THAT(metrics.expose(), testing::Not(testing::HasSubstr("pipeline_conservation_gap")));
}

// The ingest between Kafka, a store and Redis in memory: where it is known, it adds up at each
// step.
class ConservationOfTheIngest : public testing::Test {
 protected:
  void SetUp() override {
    world.kafka.owner[0] = 0;
    start();
  }
  void start() {
    member.reset();
    member = std::make_unique<Member>(world, 0);
    member->core().assigned({0});
  }
  std::optional<Conservation> figures() {
    const auto accounts = member->core().accounts();
    const auto found = accounts.find(0);
    if (found == accounts.end()) return std::nullopt;
    return conserve(found->second, world.kafka.end[0]);
  }
  // Runs until `holds` for the figures; each that is seen on the way must add up.
  template <typename Holds>
  bool until(Holds holds) {
    return member->run_until([&] {
      const auto all = figures();
      if (!all) return false;
      EXPECT_EQ(all->gap(), 0) << all->stored << " " << all->spilled << " " << all->in_flight;
      return holds(*all);
    });
  }

  World world{1};
  std::unique_ptr<Member> member;
};

TEST_F(ConservationOfTheIngest, HoldsThroughAnOutageARestartAndTheDrain) {
  world.kafka.gaps[0] = {3, 4, 30};
  world.kafka.produce(0, 40);
  ASSERT_TRUE(until([](const Conservation& all) { return all.in_flight == 0; }));
  EXPECT_EQ(figures()->no_record, 3);
  EXPECT_EQ(figures()->dead_letter, 3);  // each 17th is no event
  EXPECT_EQ(figures()->stored, 34);

  world.store.down = true;
  world.kafka.produce(0, 25);
  ASSERT_TRUE(until([](const Conservation& all) { return all.spilled == 25; }));
  world.kafka.produce(0, 5);
  EXPECT_EQ(figures()->in_flight, 5);
  // Killed and started while the store is away: it is not known, so nothing is said.
  start();
  member->run(50);
  EXPECT_FALSE(figures());
  world.store.down = false;
  ASSERT_TRUE(until([](const Conservation& all) {
    return all.accepted == all.stored + all.dead_letter + all.no_record;
  }));
  EXPECT_EQ(figures()->accepted, 70);
}

TEST_F(ConservationOfTheIngest, ShowsWhatRedisHasLost) {
  world.kafka.produce(0, 10);
  ASSERT_TRUE(until([](const Conservation& all) { return all.in_flight == 0; }));
  world.store.down = true;
  world.kafka.produce(0, 20);
  ASSERT_TRUE(until([](const Conservation& all) { return all.spilled == 20; }));
  world.spill.logs[0].clear();
  world.kafka.produce(0, 10);
  ASSERT_TRUE(member->run_until([&] {
    const auto all = figures();
    return all && all->gap() == 20;
  }));
  // Kafka still has them: they are read again.
  world.store.down = false;
  ASSERT_TRUE(member->run_until([&] {
    const auto all = figures();
    return all && all->gap() == 0 && all->in_flight == 0 && all->spilled == 0;
  }));
}

TEST_F(ConservationOfTheIngest, WhatKafkaDeletedBeforeItWasStoredStaysAGap) {
  world.kafka.produce(0, 10);
  ASSERT_TRUE(until([](const Conservation& all) { return all.in_flight == 0; }));
  world.spill_bytes = 0;
  start();
  member->run(20);
  world.store.down = true;
  world.kafka.produce(0, 30);
  member->run(50);
  world.kafka.low[0] = 25;
  world.store.down = false;
  ASSERT_TRUE(member->run_until([&] {
    const auto all = figures();
    return all && all->in_flight == 0 && all->accepted == 40;
  }));
  EXPECT_EQ(figures()->gap(), 15);
}

TEST_F(ConservationOfTheIngest, CountsFromWhatKafkaHadAtFirst) {
  world.kafka.produce(0, 100);
  world.kafka.low[0] = 60;
  ASSERT_TRUE(until([](const Conservation& all) { return all.in_flight == 0; }));
  EXPECT_EQ(figures()->accepted, 40);
}

TEST_F(ConservationOfTheIngest, ATopicMadeAnewIsAddedToTheOldOne) {
  world.kafka.produce(0, 30);
  ASSERT_TRUE(until([](const Conservation& all) { return all.in_flight == 0; }));
  world.kafka.end[0] = 12;
  world.store.stored[0].clear();
  start();
  ASSERT_TRUE(
      until([](const Conservation& all) { return all.accepted == 42 && all.in_flight == 0; }));
}

}  // namespace
}  // namespace stormlog::pipeline
