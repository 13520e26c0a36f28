#include "pipeline/consumer/flush_runner.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "pipeline/consumer/ingest_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using test::LateFlushRunner;
using test::Member;
using test::World;

TEST(ThreadFlushRunner, DoesOneAfterAnother) {
  ThreadFlushRunner runner(1);
  EXPECT_TRUE(runner.done(0));
  runner.wait(0);
  int sum = 0;
  for (int i = 1; i <= 100; ++i) {
    runner.start(0, [&sum, i] { sum += i; });
    runner.wait(0);
    ASSERT_TRUE(runner.done(0));
  }
  EXPECT_EQ(sum, 5050);
}

TEST(ThreadFlushRunner, AWriterGoesOnWhileAnotherIsNotDone) {
  ThreadFlushRunner runner(2);
  std::promise<void> go;
  runner.start(0, [&go] { go.get_future().wait(); });
  const std::size_t both[] = {0, 1};
  for (int i = 0; i < 3; ++i) {
    runner.start(1, [] {});
    runner.wait_any(both);
    EXPECT_TRUE(runner.done(1));
    EXPECT_FALSE(runner.done(0));
  }
  go.set_value();
  runner.wait(0);
  EXPECT_TRUE(runner.done(0));
}

TEST(ThreadFlushRunner, ItsEndWaitsForWhatIsRunning) {
  int ran = 0;
  {
    ThreadFlushRunner runner(2);
    runner.start(1, [&ran] { ++ran; });
  }
  EXPECT_EQ(ran, 1);
}

// Batches of ten, see World.
class OverlapTest : public testing::Test {
 protected:
  OverlapTest() {
    world.kafka.produce(0, 35);
    world.kafka.owner[0] = 0;
    member.core().assigned({0});
    member.core().step();  // finds where to begin
  }
  std::size_t stored() { return world.store.stored[0].size(); }
  std::int64_t committed() { return world.kafka.committed[0]; }

  World world{1};
  Member member{world, 0, std::make_unique<LateFlushRunner>()};
};

TEST_F(OverlapTest, TheNextRecordsAreReadWhileATransactionIsUnderWay) {
  member.run(1);
  EXPECT_EQ(stored(), 0U);
  member.run(1);  // ten more were read: the first ten must be done now
  EXPECT_EQ(stored(), 10U);
  ASSERT_TRUE(member.run_until([&] { return stored() == 35; }));
  ASSERT_TRUE(member.run_until([&] { return committed() == 35; }));
}

TEST_F(OverlapTest, KafkaIsToldNothingThatIsOnlyUnderWay) {
  while (stored() < 30) {
    member.run(1);
    world.clock.advance(std::chrono::seconds{2});
    ASSERT_LE(committed(), static_cast<std::int64_t>(stored()));
  }
}

TEST_F(OverlapTest, WhatIsUnderWayIsStoredBeforeAPartitionIsGivenBack) {
  member.run(1);
  EXPECT_EQ(stored(), 0U);
  member.core().revoked({0}, false);
  EXPECT_EQ(stored(), 10U);
  EXPECT_EQ(committed(), 10);
}

TEST_F(OverlapTest, WhenItFailsWhatWasReadMeanwhileIsReadAgain) {
  member.run(1);
  world.store.down = true;
  member.run(2);
  EXPECT_EQ(stored(), 0U);
  world.store.down = false;
  ASSERT_TRUE(member.run_until([&] { return stored() == 35; }));
  std::vector<std::int64_t> all(35);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  EXPECT_EQ(world.store.stored[0], all);
}

}  // namespace
}  // namespace stormlog::pipeline
