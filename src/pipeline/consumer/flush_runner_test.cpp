#include "pipeline/consumer/flush_runner.hpp"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <span>

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

// Work is done when the test says so, or its caller waits for it.
class HeldFlushRunner final : public FlushRunner {
 public:
  void start(std::size_t writer, Work work) override { held[writer] = std::move(work); }
  bool done(std::size_t writer) override { return !held.contains(writer); }
  void wait(std::size_t writer) override {
    if (const auto node = held.extract(writer)) node.mapped()();
  }
  void wait_any(std::span<const std::size_t> writers) override { wait(writers.back()); }

  std::map<std::size_t, Work> held;
};

// Of two partitions the first is at one writer and the second at the other.
class TwoWritersTest : public testing::Test {
 protected:
  TwoWritersTest() {
    for (const int partition : {0, 1}) {
      world.kafka.owner[partition] = 0;
      world.kafka.produce(partition, 10);
    }
    member.core().assigned({0, 1});
    member.run(3);  // finds where to begin, reads the first, reads the second
    EXPECT_EQ(runner->held.size(), 2U);
  }
  std::size_t stored(int partition) { return world.store.stored[partition].size(); }

  World world{2};
  HeldFlushRunner* runner = new HeldFlushRunner;
  Member member{world, 0, std::unique_ptr<FlushRunner>(runner), 2};
};

TEST_F(TwoWritersTest, OneGoesOnWhileTheOtherIsUnderWay) {
  for (std::size_t flushes = 1; flushes <= 5; ++flushes) {
    runner->wait(0);
    EXPECT_EQ(stored(0), 10 * flushes);
    world.kafka.produce(0, 10);
    for (int i = 0; i < 20 && !runner->held.contains(0); ++i) {
      member.run(1);
      world.clock.advance(std::chrono::milliseconds{5});
    }
  }
  EXPECT_EQ(stored(1), 0U);
  EXPECT_TRUE(runner->held.contains(1));
}

TEST_F(TwoWritersTest, WithoutRoomForMoreItWaitsForOneOfThem) {
  world.kafka.produce(0, 40);
  for (int i = 0; i < 20 && stored(1) == 0; ++i) member.run(1);
  EXPECT_GT(stored(1), 0U);
  EXPECT_EQ(stored(0), 0U);
}

TEST_F(TwoWritersTest, WhenOneFailsTheOtherIsWaitedForAndCounts) {
  world.store.down = true;
  runner->wait(0);
  world.store.down = false;
  member.run(1);
  EXPECT_TRUE(runner->held.empty());
  EXPECT_EQ(stored(0), 0U);
  EXPECT_GT(stored(1), 0U);
  ASSERT_TRUE(member.run_until([&] {
    runner->wait(0);
    runner->wait(1);
    return stored(0) == 10 && stored(1) == 10;
  }));
}

}  // namespace
}  // namespace stormlog::pipeline
