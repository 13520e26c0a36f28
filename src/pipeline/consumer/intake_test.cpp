#include "pipeline/consumer/intake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using Verdict = Intake::Verdict;

constexpr Intake::Limits kLimits{3, 1'000, 20ms};

class IntakeTest : public testing::Test {
 protected:
  IntakeTest() {
    intake.assign({0, 1});
    intake.position(0, 100, 100);
  }
  void take(std::int64_t offset, int partition = 0, std::size_t bytes = 10) {
    ASSERT_EQ(intake.offer(partition, offset), Verdict::take);
    intake.add(partition, offset, clock.now(), [&](PartitionBatch& batch) {
      batch.rows.emplace_back().offset = offset;
      batch.bytes += bytes;
    });
  }
  ManualClock clock;
  Intake intake{kLimits};
};

TEST_F(IntakeTest, TakesNothingOfAPartitionThatIsNotPositionedOrNotAssigned) {
  EXPECT_EQ(intake.offer(1, 0), Verdict::foreign);
  EXPECT_EQ(intake.offer(7, 0), Verdict::foreign);
  EXPECT_THAT(intake.in(Lane::none), ElementsAre(1));
}

TEST_F(IntakeTest, ABatchReachesFromWhatIsStoredToBehindItsLastRecord) {
  take(100);
  take(101);
  const std::vector<PartitionBatch> batches = intake.take();
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].partition, 0);
  EXPECT_EQ(batches[0].expected, 100);
  EXPECT_EQ(batches[0].next, 102);
  EXPECT_EQ(batches[0].rows.size(), 2u);
  EXPECT_EQ(intake.buffered(), 0u);
  // Taken is not stored: until that is told the offset in the store is the old one.
  EXPECT_EQ(intake.positions().at(0), 100);
  intake.stored(0, 102);
  EXPECT_EQ(intake.positions().at(0), 102);
  EXPECT_EQ(intake.positions().at(1), std::nullopt);
}

TEST_F(IntakeTest, IsDueByCountByBytesOrByTime) {
  EXPECT_FALSE(intake.due());
  take(100);
  EXPECT_EQ(intake.due(), clock.now() + 20ms);
  take(101);
  take(102);
  EXPECT_LE(intake.due(), clock.now());
  (void)intake.take();
  EXPECT_FALSE(intake.due());
  intake.stored(0, 103);
  take(103, 0, 1'000);
  EXPECT_LE(intake.due(), clock.now());
}

TEST_F(IntakeTest, WhatIsUnderWayIsNotOvertaken) {
  intake.position(1, 0, 0);
  take(100);
  EXPECT_EQ(intake.take().size(), 1U);
  clock.advance(1s);
  take(101);
  EXPECT_EQ(intake.buffered(), 1U);
  EXPECT_FALSE(intake.due());
  EXPECT_TRUE(intake.take().empty());
  clock.advance(5ms);
  take(0, 1);
  EXPECT_EQ(intake.due(), clock.now() + 20ms);  // of the partition that can be taken
  const std::vector<PartitionBatch> other = intake.take();
  ASSERT_EQ(other.size(), 1U);
  EXPECT_EQ(other[0].partition, 1);
  intake.stored(0, 101);
  EXPECT_EQ(intake.due(), clock.now() + 15ms);
  const std::vector<PartitionBatch> next = intake.take();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].expected, 101);
  EXPECT_EQ(next[0].next, 102);
}

TEST_F(IntakeTest, WhatWasUnderWayIsNotWhenItsPartitionIsPositionedAnew) {
  take(100);
  (void)intake.take();
  intake.unposition(0);
  intake.position(0, 100, 100);
  take(100);
  EXPECT_EQ(intake.take().size(), 1U);
}

TEST_F(IntakeTest, ForOneWriterOfTwoHalfIsEnoughUnlessThereIsNoRoomForMore) {
  intake.position(1, 0, 0);
  take(100);
  EXPECT_GT(intake.due(1, 2), clock.now());
  take(101);
  EXPECT_LE(intake.due(1, 2), clock.now());
  EXPECT_GT(intake.due(2, 2), clock.now());
  (void)intake.take();
  take(0, 1);
  EXPECT_GT(intake.due(1, 2), clock.now());
  take(102);
  take(103);
  EXPECT_TRUE(intake.full());
  EXPECT_LE(intake.due(1, 2), clock.now());
}

TEST_F(IntakeTest, CountsAllPartitionsTogetherAndNotWhatIsDropped) {
  intake.position(1, 0, 0);
  take(100);
  take(101);
  take(0, 1);
  EXPECT_TRUE(intake.full());
  intake.unposition(1);
  EXPECT_EQ(intake.buffered(), 2U);
  EXPECT_FALSE(intake.full());
  intake.revoke({0});
  EXPECT_EQ(intake.buffered(), 0U);
  intake.assign({0});
  intake.position(0, 100, 100);
  take(100);
  intake.assign({0});
  EXPECT_EQ(intake.buffered(), 0U);
}

TEST_F(IntakeTest, LeavesOutWhatItHasAlready) {
  take(100);
  EXPECT_EQ(intake.offer(0, 100), Verdict::repeated);
  EXPECT_EQ(intake.offer(0, 99), Verdict::repeated);
  EXPECT_EQ(intake.offer(0, 101), Verdict::take);
}

TEST_F(IntakeTest, ReadsAGapAgainAndTakesItWhenItIsReal) {
  take(100);
  EXPECT_EQ(intake.offer(0, 105), Verdict::gap);
  EXPECT_EQ(intake.expected(0), 101);
  EXPECT_EQ(intake.offer(0, 105), Verdict::take);
}

TEST_F(IntakeTest, AGapThatWasNoneIsForgotten) {
  take(100);
  EXPECT_EQ(intake.offer(0, 105), Verdict::gap);
  take(101);
  EXPECT_EQ(intake.offer(0, 105), Verdict::gap);
}

TEST_F(IntakeTest, OnceAGapWasRealTheNextOnesAreBelieved) {
  // A topic with transactions has one behind each of them.
  EXPECT_EQ(intake.offer(0, 105), Verdict::gap);
  take(105);
  EXPECT_EQ(intake.offer(0, 110), Verdict::take);
}

TEST_F(IntakeTest, DroppedBuffersLoseThePositionButNotWhatIsKnownToBeStored) {
  take(100);
  intake.unposition_all();
  EXPECT_EQ(intake.buffered(), 0u);
  EXPECT_FALSE(intake.due());
  EXPECT_EQ(intake.offer(0, 101), Verdict::foreign);
  EXPECT_THAT(intake.in(Lane::none), ElementsAre(0, 1));
  EXPECT_EQ(intake.positions().at(0), 100);
  EXPECT_EQ(intake.positions().at(1), std::nullopt);
  intake.position(0, 100, 100);
  EXPECT_EQ(intake.offer(0, 100), Verdict::take);
}

TEST_F(IntakeTest, WhatComesTooLateForARevokedPartitionIsIgnored) {
  intake.revoke({0});
  intake.stored(0, 200);
  intake.position(0, 5, 5);
  intake.unposition(0);
  EXPECT_FALSE(intake.positions().contains(0));
}

TEST(DecideStart, GoesOnWhereTheStoreIs) {
  const Start start = decide_start(50, 10, 60);
  EXPECT_EQ(start.read_from, 50);
  EXPECT_FALSE(start.reset);
  EXPECT_EQ(start.missing, 0);
  EXPECT_EQ(decide_start(60, 10, 60).read_from, 60);
}

TEST(DecideStart, ATopicThatIsShorterThanTheStoreIsReadFromItsBeginning) {
  const Start start = decide_start(50, 0, 7);
  EXPECT_EQ(start.read_from, 0);
  EXPECT_TRUE(start.reset);
}

TEST(DecideStart, TellsWhatKafkaDeletedTooEarly) {
  const Start start = decide_start(50, 70, 90);
  EXPECT_EQ(start.read_from, 70);
  EXPECT_EQ(start.missing, 20);
  EXPECT_EQ(decide_start(0, 70, 90).missing, 0);
}

}  // namespace
}  // namespace stormlog::pipeline
