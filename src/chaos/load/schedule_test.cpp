#include "chaos/load/schedule.hpp"

#include <gtest/gtest.h>

namespace stormlog::chaos {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(Schedule, SpacesRequestsByRateAndBatch) {
  const Schedule schedule(2000, 10);
  EXPECT_EQ(schedule.due(0), Nanoseconds{0});
  EXPECT_EQ(schedule.due(1), milliseconds{5});
  EXPECT_EQ(schedule.due(200), milliseconds{1000});
}

TEST(Schedule, DoesNotDriftOverADay) {
  // A rate whose distance is no whole number of nanoseconds.
  const Schedule schedule(3000, 1);
  const Nanoseconds error = schedule.due(3000ULL * 3600 * 24) - hours{24};
  EXPECT_LT(std::abs(error.count()), Nanoseconds{microseconds{1}}.count());
}

TEST(Schedule, KnowsRatesUnderOneASecond) {
  EXPECT_EQ(Schedule(0.5, 1).due(3), milliseconds{6000});
}

}  // namespace
}  // namespace stormlog::chaos
