#include "common/base/clock.hpp"

#include <gtest/gtest.h>

namespace stormlog {
namespace {

TEST(CoarseClock, NeverGoesBackAndNeverLeadsTheSystemClock) {
  const CoarseClock& coarse = CoarseClock::instance();
  MonotonicTime last = coarse.now();
  for (int i = 0; i < 100'000; ++i) {
    const MonotonicTime now = coarse.now();
    ASSERT_GE(now, last);
    // Read afterwards: the exact clock can only be later.
    ASSERT_LE(now, SystemClock::instance().now());
    last = now;
  }
}

// Not only the same direction: the same zero, or times of the two could not be compared.
TEST(CoarseClock, CountsFromWhereTheSystemClockCounts) {
  const MonotonicTime exact = SystemClock::instance().now();
  const MonotonicTime coarse = CoarseClock::instance().now();
  EXPECT_GT(coarse + std::chrono::minutes(1), exact);
}

TEST(CoarseClock, StepIsThatOfATick) {
  EXPECT_GT(CoarseClock::step(), Nanoseconds{0});
  EXPECT_LE(CoarseClock::step(), std::chrono::milliseconds(10));  // the slowest kernel: 100 Hz
}

TEST(ManualClock, WallStepsLeaveMonotonicTimeAlone) {
  ManualClock clock;
  const MonotonicTime before = clock.now();
  const WallTime wall = clock.wall_now();
  clock.step_wall(-std::chrono::hours(1));
  EXPECT_EQ(clock.now(), before);
  EXPECT_EQ(clock.wall_now(), wall - std::chrono::hours(1));
  clock.advance(std::chrono::seconds(2));
  EXPECT_EQ(clock.now(), before + std::chrono::seconds(2));
}

}  // namespace
}  // namespace stormlog
