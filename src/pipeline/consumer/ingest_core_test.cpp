// The ingest's modes, one event at a time; ingest_property_test.cpp mixes them.

#include "pipeline/consumer/ingest_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "pipeline/consumer/ingest_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;
using test::Member;
using test::World;

class IngestCoreTest : public testing::Test {
 protected:
  IngestCoreTest() {
    world.kafka.owner = {{0, 0}, {1, 0}};
    start();
  }
  void start() {
    member.reset();
    member = std::make_unique<Member>(world, 0);
    member->core().assigned({0, 1});
  }
  void produce(int count) {
    for (const int partition : {0, 1}) world.kafka.produce(partition, count);
  }
  std::int64_t stored() { return world.store.next[0] + world.store.next[1]; }
  std::int64_t told_kafka() { return world.kafka.committed[0] + world.kafka.committed[1]; }
  IngestMode mode() { return member->core().mode(); }
  bool until(IngestMode wanted) {
    return member->run_until([&] { return mode() == wanted; });
  }
  bool until_stored(std::int64_t records) {
    return member->run_until([&] { return stored() == records; });
  }
  bool until_spilled(std::int64_t records) {
    return member->run_until([&] { return world.spill.records() == records; });
  }
  void expect_each_once(std::int64_t records_of_each) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(records_of_each));
    std::iota(all.begin(), all.end(), 0);
    for (const int partition : {0, 1}) EXPECT_EQ(world.store.stored[partition], all);
  }
  // In cache-only mode, with `stored` of each partition in the store and `spilled` in Redis.
  void go_cache_only(int stored_of_each, int spilled_of_each) {
    produce(stored_of_each);
    ASSERT_TRUE(until_stored(2 * stored_of_each));
    world.store.down = true;
    produce(spilled_of_each);
    ASSERT_TRUE(until(IngestMode::cache_only));
    ASSERT_TRUE(until_spilled(2 * spilled_of_each));
  }

  World world{2};
  std::unique_ptr<Member> member;
};

TEST_F(IngestCoreTest, StoresAndThenTellsKafka) {
  produce(25);
  ASSERT_TRUE(until_stored(50));
  EXPECT_TRUE(member->run_until([&] { return told_kafka() == 50; }));
  EXPECT_EQ(mode(), IngestMode::normal);
  EXPECT_EQ(world.spill.records(), 0);
  expect_each_once(25);
}

TEST_F(IngestCoreTest, WithTheStoreAwayRecordsGoToRedisAndStillCountAsNotStored) {
  go_cache_only(10, 20);
  EXPECT_EQ(member->breaker->state(), resilience::BreakerState::open);
  EXPECT_TRUE(member->run_until([&] { return told_kafka() == 60; }));
  // What the lag is made of.
  EXPECT_EQ(member->core().positions().at(0), 10);
  EXPECT_EQ(member->core().positions().at(1), 10);
  EXPECT_EQ(member->metric("consumer_spilled_total"), 40);
  EXPECT_EQ(member->metric("consumer_spill_backlog_records"), 40);
}

TEST_F(IngestCoreTest, WhatTakesLongToConnectIsNotWaitedFor) {
  go_cache_only(10, 20);
  // A server that stands still: the connection is under way for ever.
  world.store.connecting = true;
  world.store.asked = 0;
  produce(30);
  ASSERT_TRUE(until_spilled(100));
  world.clock.advance(10s);  // the breaker would let trials through
  produce(5);
  ASSERT_TRUE(until_spilled(110));
  EXPECT_EQ(world.store.asked, 0);
  EXPECT_EQ(mode(), IngestMode::cache_only);
  world.store.connecting = world.store.down = false;
  ASSERT_TRUE(until_stored(130));
  expect_each_once(65);
}

TEST_F(IngestCoreTest, BackAgainItDrainsInOrderAndThenReadsKafka) {
  go_cache_only(10, 20);
  world.store.down = false;
  ASSERT_TRUE(until(IngestMode::draining));
  produce(5);
  ASSERT_TRUE(until_stored(70));
  ASSERT_TRUE(until(IngestMode::normal));
  EXPECT_EQ(world.spill.records(), 0);
  EXPECT_EQ(member->metric("consumer_spill_backlog_records"), 0);
  EXPECT_EQ(member->metric("consumer_spill_drained_total"), 40);
  EXPECT_EQ(member->breaker->state(), resilience::BreakerState::closed);
  expect_each_once(35);
}

TEST_F(IngestCoreTest, KafkaIsNotToldLessWhileItDrains) {
  go_cache_only(10, 20);
  ASSERT_TRUE(member->run_until([&] { return told_kafka() == 60; }));
  world.store.down = false;
  EXPECT_TRUE(member->run_until([&] {
    EXPECT_EQ(told_kafka(), 60);
    return stored() == 60;
  }));
}

TEST_F(IngestCoreTest, DrainsWhileKafkaIsAway) {
  go_cache_only(10, 20);
  world.kafka.down = true;
  world.store.down = false;
  EXPECT_TRUE(until_stored(60));
}

TEST_F(IngestCoreTest, TheDrainKeepsItsRate) {
  world.config.drain_rate = 100;
  start();
  go_cache_only(10, 100);
  world.store.down = false;
  ASSERT_TRUE(until(IngestMode::draining));
  const MonotonicTime begin = world.clock.now();
  ASSERT_TRUE(until_stored(220));
  // 200 records, of which the last page needs no wait.
  EXPECT_GE(world.clock.now() - begin, 1'700ms);
  EXPECT_LE(world.clock.now() - begin, 2'300ms);
}

TEST_F(IngestCoreTest, AtTheBoundItPausesAndKafkaKeepsTheRest) {
  world.spill_bytes = 60'000;
  start();
  produce(10);
  ASSERT_TRUE(until_stored(20));
  world.store.down = true;
  produce(200);
  ASSERT_TRUE(until(IngestMode::cache_only));
  ASSERT_TRUE(until(IngestMode::paused));
  const std::int64_t spilled = world.spill.records();
  EXPECT_GT(spilled, 60);
  EXPECT_LE(static_cast<std::uint64_t>(spilled) * test::FakeSpillLog::kEach, world.spill_bytes);
  for (int i = 0; i < 100; ++i) {
    member->run(1);
    EXPECT_EQ(mode(), IngestMode::paused);
  }
  EXPECT_EQ(world.spill.records(), spilled);
  EXPECT_EQ(told_kafka(), 20 + spilled);
  EXPECT_GT(member->metric("consumer_spill_refused_total"), 0);
  world.store.down = false;
  ASSERT_TRUE(until_stored(420));
  expect_each_once(210);
}

TEST_F(IngestCoreTest, RedisOutOfMemoryPausesUntilThereIsRoom) {
  go_cache_only(10, 20);
  world.spill.full = true;
  produce(20);
  ASSERT_TRUE(until(IngestMode::paused));
  EXPECT_EQ(member->redis_breaker->state(), resilience::BreakerState::closed);
  world.spill.full = false;
  EXPECT_TRUE(until_spilled(80));
}

TEST_F(IngestCoreTest, WithRedisAwayTooItPausesAndTellsKafkaNothing) {
  produce(10);
  ASSERT_TRUE(member->run_until([&] { return told_kafka() == 20; }));
  world.store.down = world.spill.down = true;
  produce(20);
  ASSERT_TRUE(until(IngestMode::paused));
  member->run(100);
  EXPECT_EQ(mode(), IngestMode::paused);
  EXPECT_EQ(told_kafka(), 20);
  world.spill.down = false;
  ASSERT_TRUE(until_spilled(40));
  EXPECT_EQ(mode(), IngestMode::cache_only);
  world.store.down = false;
  ASSERT_TRUE(until_stored(60));
  expect_each_once(30);
}

TEST_F(IngestCoreTest, SwitchedOffItPauses) {
  world.spill_bytes = 0;
  start();
  produce(10);
  ASSERT_TRUE(until_stored(20));
  world.store.down = true;
  produce(20);
  ASSERT_TRUE(until(IngestMode::paused));
  member->run(100);
  EXPECT_EQ(world.spill.records(), 0);
  world.store.down = false;
  EXPECT_TRUE(until_stored(60));
}

TEST_F(IngestCoreTest, AwayAgainInTheMiddleOfTheDrainNewRecordsGoBehindTheBacklog) {
  world.config.drain_rate = 100;
  start();
  go_cache_only(10, 50);
  world.store.down = false;
  ASSERT_TRUE(member->run_until([&] { return stored() > 20; }));
  world.store.down = true;
  produce(20);
  ASSERT_TRUE(until(IngestMode::cache_only));
  ASSERT_TRUE(member->run_until([&] { return stored() + world.spill.records() == 160; }));
  EXPECT_EQ(world.spill.state(0).end, 80);
  world.store.down = false;
  ASSERT_TRUE(until_stored(160));
  expect_each_once(80);
}

TEST_F(IngestCoreTest, StartedWhileTheStoreIsAwayItGoesOnBehindTheBacklogAndKnowsNoLag) {
  go_cache_only(10, 20);
  start();  // as after kill -9; Kafka has not been told of all
  produce(5);
  ASSERT_TRUE(until_spilled(50));
  EXPECT_EQ(member->core().positions().at(0), std::nullopt);
  world.store.down = false;
  ASSERT_TRUE(until_stored(70));
  expect_each_once(35);
}

TEST_F(IngestCoreTest, StartedWhileTheStoreIsAwayAndWithoutABacklogItGoesOnWhereKafkaWasTold) {
  produce(10);
  ASSERT_TRUE(member->run_until([&] { return told_kafka() == 20; }));
  world.store.down = true;
  start();
  produce(5);
  ASSERT_TRUE(until_spilled(10));
  EXPECT_EQ(world.spill.logs[0].begin()->first, 10);
  world.store.down = false;
  ASSERT_TRUE(until_stored(30));
  expect_each_once(15);
}

TEST_F(IngestCoreTest, WithRedisAwayOnTheReturnItReadsKafkaAndClearsUpLater) {
  go_cache_only(10, 20);
  world.spill.down = true;
  world.store.down = false;
  ASSERT_TRUE(until_stored(60));
  EXPECT_EQ(mode(), IngestMode::normal);
  expect_each_once(30);
  EXPECT_EQ(world.spill.records(), 40);
  world.spill.down = false;
  world.clock.advance(10s);
  EXPECT_TRUE(until_spilled(0));
}

TEST_F(IngestCoreTest, WhatKafkaHasDeletedIsWaitedForWhileRedisIsAway) {
  go_cache_only(10, 20);
  ASSERT_TRUE(member->run_until([&] { return told_kafka() == 60; }));
  world.kafka.delete_committed();
  world.spill.down = true;
  world.store.down = false;
  member->run(200);
  EXPECT_EQ(stored(), 20);
  world.spill.down = false;
  world.clock.advance(2s);
  ASSERT_TRUE(until_stored(60));
  expect_each_once(30);
  EXPECT_EQ(member->metric("consumer_missing_records_total"), 0);
}

// Found by ingest_property_test: at 0 it began at the oldest record of Kafka.
TEST_F(IngestCoreTest, RedisIsWaitedForAlsoWhereNothingWasEverStored) {
  world.store.down = true;
  produce(20);
  ASSERT_TRUE(member->run_until([&] { return told_kafka() == 40; }));
  world.kafka.delete_committed();
  world.spill.down = true;
  world.store.down = false;
  produce(5);
  member->run(200);
  EXPECT_EQ(stored(), 0);
  world.spill.down = false;
  world.clock.advance(2s);
  ASSERT_TRUE(until_stored(50));
  expect_each_once(25);
}

TEST_F(IngestCoreTest, AHoleInTheBacklogIsFilledFromKafka) {
  go_cache_only(10, 20);
  world.spill.logs[0].erase(15);
  world.spill.logs[1].erase(world.spill.logs[1].begin());
  world.store.down = false;
  ASSERT_TRUE(until_stored(60));
  expect_each_once(30);
  EXPECT_TRUE(until_spilled(0));
}

TEST_F(IngestCoreTest, WhatIsNowhereIsCountedAndTheRestIsStored) {
  go_cache_only(10, 20);
  ASSERT_TRUE(member->run_until([&] { return told_kafka() == 60; }));
  world.kafka.delete_committed();
  world.spill.logs[0].erase(15);
  world.store.down = false;
  ASSERT_TRUE(until_stored(60));
  EXPECT_EQ(member->metric("consumer_missing_records_total"), 1);
  EXPECT_EQ(world.store.stored[0].size(), 29u);
  EXPECT_EQ(world.store.stored[1].size(), 30u);
}

TEST_F(IngestCoreTest, AnAppendWithoutAnAnswerIsMadeGoodWithoutADouble) {
  go_cache_only(10, 20);
  world.spill.lose_answers = 1;
  produce(10);
  ASSERT_TRUE(until_spilled(60));
  world.store.down = false;
  ASSERT_TRUE(until_stored(80));
  expect_each_once(40);
}

// One that was being stored when another, new one found the store away: what is spilled of it must
// join what is stored, also when Redis forgets the first of it.
TEST_F(IngestCoreTest, APartitionThatWasStoredJoinsTheOthersInRedis) {
  member->core().revoked({0, 1}, false);
  member->core().assigned({0});
  world.kafka.produce(0, 10);
  ASSERT_TRUE(member->run_until([&] { return stored() == 10; }));
  world.kafka.produce(1, 3);
  member->core().assigned({1});
  world.store.down = true;
  ASSERT_TRUE(until(IngestMode::cache_only));
  for (int round = 1; round <= 3; ++round) {
    world.kafka.produce(0, 10);
    ASSERT_TRUE(until_spilled(3 + 10 * round));
    for (const auto& [offset, record] : world.spill.logs[0]) {
      EXPECT_EQ(record.after, offset) << "a hole before it would not be seen";
    }
  }
}

TEST_F(IngestCoreTest, ATopicThatWasMadeAnewIsNotSpilledBehindTheOldOne) {
  go_cache_only(10, 20);
  for (const int partition : {0, 1}) {
    world.kafka.end[partition] = 0;
    world.kafka.committed.clear();
  }
  start();
  produce(5);
  member->run(100);
  EXPECT_EQ(mode(), IngestMode::paused);
  EXPECT_EQ(world.spill.records(), 40);
  // The old records are drained first, then the topic is found to be shorter than what is stored.
  world.store.down = false;
  ASSERT_TRUE(until_stored(10));
  EXPECT_EQ(world.store.stored[0].size(), 10u + 20u + 5u);
  EXPECT_EQ(member->metric("consumer_offset_resets_total"), 2);
}

TEST_F(IngestCoreTest, ARevokedPartitionIsSpilledToItsLastRecordAndTheNextOwnerGoesOn) {
  go_cache_only(10, 20);
  world.kafka.produce(0, 3);
  member->run(1);  // read, not yet due
  member->core().revoked({0, 1}, false);
  EXPECT_EQ(told_kafka(), 63);
  EXPECT_EQ(world.spill.state(0).end, 33);
  Member next(world, 1);
  world.kafka.owner = {{0, 1}, {1, 1}};
  next.core().assigned({0, 1});
  produce(2);
  ASSERT_TRUE(next.run_until([&] { return world.spill.records() == 47; }));
  world.store.down = false;
  ASSERT_TRUE(next.run_until([&] { return stored() == 67; }));
  EXPECT_EQ(world.store.stored[0].size(), 35u);
}

TEST_F(IngestCoreTest, WhatAnInstanceSpilledThatHadLostItsPartitionIsClearedUp) {
  produce(10);
  ASSERT_TRUE(until_stored(20));
  // It slept while its partition was stored by another, and goes on with what it had read.
  SpilledRecord record;
  record.offset = 4;
  record.after = 4;
  record.payload = test::payload_of(0, 4);
  world.spill.logs[0][4] = record;
  world.clock.advance(20s);
  EXPECT_TRUE(until_spilled(0));
  expect_each_once(10);
}

TEST_F(IngestCoreTest, WithoutPartitionsItStillFindsOutThatTheStoreIsBack) {
  go_cache_only(10, 20);
  member->core().revoked({0, 1}, false);
  EXPECT_EQ(mode(), IngestMode::paused);
  world.store.down = false;
  EXPECT_TRUE(until(IngestMode::normal));
  EXPECT_EQ(member->breaker->state(), resilience::BreakerState::closed);
}

TEST_F(IngestCoreTest, ForcedOpenByHandItSpillsAndClosedByHandItDrains) {
  produce(10);
  ASSERT_TRUE(until_stored(20));
  member->breaker->transition_to(resilience::BreakerState::forced_open);
  produce(10);
  ASSERT_TRUE(until_spilled(20));
  EXPECT_EQ(stored(), 20);
  member->breaker->transition_to(resilience::BreakerState::closed);
  EXPECT_TRUE(until_stored(40));
  expect_each_once(20);
}

}  // namespace
}  // namespace stormlog::pipeline
