// The lag that "drained" is judged by, and the bytes that the cache may take.

#include <gtest/gtest.h>

#include "pipeline/consumer/cache_writer.hpp"
#include "pipeline/consumer/lag_monitor.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

class Lag : public testing::Test {
 protected:
  static Positions at(std::map<int, std::optional<std::int64_t>> next,
                      std::uint64_t assignment = 1) {
    Positions positions;
    positions.assignment = assignment;
    positions.next = std::move(next);
    return positions;
  }
  void update(const Positions& before, const std::map<int, std::int64_t>& high,
              const Positions& after) {
    keeper.update(before, high, after, clock.now(), clock.wall_now());
  }
  std::optional<LagSample> sample() const { return keeper.sample(clock.now()); }

  ManualClock clock;
  LagKeeper keeper;
};

TEST_F(Lag, IsUnknownBeforeAnythingIsAssigned) {
  EXPECT_FALSE(sample());
  update(at({}), {}, at({}));
  EXPECT_FALSE(sample());
}

TEST_F(Lag, IsTheEndLessWhatIsStored) {
  update(at({{0, 5}, {1, 7}}), {{0, 9}, {1, 7}}, at({{0, 6}, {1, 8}}));
  ASSERT_TRUE(sample());
  EXPECT_EQ(sample()->by_partition.at(0), 3);
  EXPECT_EQ(sample()->by_partition.at(1), 0);  // moved on since the end was read: not negative
}

TEST_F(Lag, OneUnknownPositionMakesAllOfItUnknown) {
  update(at({{0, 5}}), {{0, 5}}, at({{0, 5}}));
  ASSERT_TRUE(sample());
  update(at({{0, 5}, {1, {}}}), {{0, 5}, {1, 0}}, at({{0, 5}, {1, {}}}));
  EXPECT_FALSE(sample());
}

TEST_F(Lag, AnAssignmentThatChangedMeanwhileMakesItUnknown) {
  update(at({{0, 5}}, 1), {{0, 5}}, at({{0, 5}}, 2));
  EXPECT_FALSE(sample());
}

TEST_F(Lag, APartitionThatKafkaDidNotTellMakesItUnknown) {
  update(at({{0, 5}, {1, 5}}), {{0, 5}}, at({{0, 5}, {1, 5}}));
  EXPECT_FALSE(sample());
}

TEST_F(Lag, TooOldItIsUnknown) {
  update(at({{0, 5}}), {{0, 5}}, at({{0, 5}}));
  clock.advance(LagKeeper::kMaxAge);
  EXPECT_TRUE(sample());
  clock.advance(1ms);
  EXPECT_FALSE(sample());
}

TEST_F(Lag, SecondsCountFromTheLastTimeThatAllWasStored) {
  // The last record before an idle hour says nothing about the first one after it.
  Positions positions = at({{0, 5}});
  positions.last_stored_produced = clock.wall_now();
  clock.advance(1h);
  update(positions, {{0, 5}}, positions);
  EXPECT_EQ(sample()->seconds, 0);
  clock.advance(2s);
  update(positions, {{0, 6}}, positions);
  EXPECT_EQ(sample()->seconds, 2);
  positions.next[0] = 6;
  positions.last_stored_produced = clock.wall_now();
  clock.advance(500ms);
  update(positions, {{0, 7}}, positions);
  EXPECT_EQ(sample()->seconds, 0.5);
}

TEST(CacheBudget, AdmitsUntilItIsFullAndAgainWhenEntriesHaveExpired) {
  ManualClock clock;
  CacheBudget budget(1'000, 10s);
  EXPECT_TRUE(budget.admit(600, clock.now()));
  clock.advance(5s);
  EXPECT_TRUE(budget.admit(400, clock.now()));
  EXPECT_FALSE(budget.admit(1, clock.now()));
  clock.advance(6s);  // the first second's entries are gone for sure
  EXPECT_TRUE(budget.admit(600, clock.now()));
  EXPECT_FALSE(budget.admit(1, clock.now()));
}

TEST(CacheBudget, NoneIsSwitchedOff) {
  ManualClock clock;
  CacheBudget budget(0, 10s);
  EXPECT_FALSE(budget.admit(1, clock.now()));
}

}  // namespace
}  // namespace stormlog::pipeline
