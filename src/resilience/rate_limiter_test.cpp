#include "resilience/rate_limiter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr RateLimiterConfig kTenASecond{
    .permits_per_second = 10, .burst = 3, .max_wait = milliseconds(250)};

TEST(RateLimiter, TheBurstThenTheRate) {
  ManualClock clock;
  RateLimiter limiter("r", kTenASecond, clock);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.try_acquire());
  EXPECT_FALSE(limiter.try_acquire());
  EXPECT_EQ(limiter.retry_after(), milliseconds(100));
  clock.advance(milliseconds(100));
  EXPECT_TRUE(limiter.try_acquire());
  EXPECT_FALSE(limiter.try_acquire());
}

// Fixed cycles let twice the limit through where two of them meet.
TEST(RateLimiter, NoDoubleBurstWhereCyclesWouldMeet) {
  ManualClock clock;
  RateLimiter limiter("r", {.permits_per_second = 100, .burst = 100}, clock);
  clock.advance(milliseconds(999));
  int admitted = 0;
  for (int i = 0; i < 200; ++i) admitted += limiter.try_acquire();
  clock.advance(milliseconds(2));
  for (int i = 0; i < 200; ++i) admitted += limiter.try_acquire();
  EXPECT_EQ(admitted, 100);
}

TEST(RateLimiter, WaitsNoLongerThanAllowed) {
  ManualClock clock;
  RateLimiter limiter("r", kTenASecond, clock);
  EXPECT_TRUE(limiter.try_acquire(3));
  RateLimiter::Reservation first = limiter.reserve();
  RateLimiter::Reservation second = limiter.reserve();
  EXPECT_EQ(first.wait(), milliseconds(100));
  EXPECT_EQ(second.wait(), milliseconds(200));
  EXPECT_FALSE(limiter.reserve());  // 300 ms
  EXPECT_EQ(limiter.available_permissions(), -2);
  EXPECT_EQ(limiter.waiting(), 2);
  first.use();
  EXPECT_EQ(limiter.waiting(), 1);
}

TEST(RateLimiter, NoPermitThatComesAfterTheDeadline) {
  ManualClock clock;
  RateLimiter limiter("r", kTenASecond, clock);
  EXPECT_TRUE(limiter.try_acquire(3));
  EXPECT_FALSE(limiter.reserve(1, Deadline::in(clock, milliseconds(99))));
  EXPECT_TRUE(limiter.reserve(1, Deadline::in(clock, milliseconds(100))));
}

TEST(RateLimiter, ADroppedReservationGivesItsPermitsBack) {
  ManualClock clock;
  RateLimiter limiter("r", kTenASecond, clock);
  EXPECT_TRUE(limiter.try_acquire(3));
  { const RateLimiter::Reservation dropped = limiter.reserve(2); }
  EXPECT_EQ(limiter.retry_after(), milliseconds(100));
  EXPECT_EQ(limiter.waiting(), 0);
}

TEST(RateLimiter, AMovedReservationIsGivenBackOnce) {
  ManualClock clock;
  RateLimiter limiter("r", kTenASecond, clock);
  EXPECT_TRUE(limiter.try_acquire(3));
  RateLimiter::Reservation one = limiter.reserve();
  RateLimiter::Reservation other = std::move(one);
  EXPECT_FALSE(one.cancel());  // NOLINT: what a moved-from reservation does is the point
  EXPECT_TRUE(other);
  other = limiter.reserve();  // the first one is no longer the newest: its permit is lost
  EXPECT_EQ(other.wait(), milliseconds(200));
  EXPECT_EQ(limiter.waiting(), 1);
}

TEST(RateLimiter, AcquireSleepsUntilThePermitIsGood) {
  ManualClock clock;
  const ManualSleeper sleeper(clock);
  RateLimiter limiter("r", kTenASecond, clock);
  const MonotonicTime start = clock.now();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limiter.acquire(sleeper));
  EXPECT_EQ(clock.now() - start, milliseconds(200));
  EXPECT_FALSE(limiter.acquire(sleeper, 3));
  EXPECT_EQ(limiter.waiting(), 0);
}

TEST(RateLimiter, MoreThanTheBurstIsNeverToBeHad) {
  ManualClock clock;
  RateLimiter limiter("r", kTenASecond, clock);
  clock.advance(seconds(100));
  EXPECT_FALSE(limiter.try_acquire(4));
  EXPECT_FALSE(limiter.reserve(4));
  EXPECT_FALSE(limiter.try_acquire(0));
  EXPECT_FALSE(limiter.try_acquire(-1));
  EXPECT_EQ(limiter.retry_after(4), Nanoseconds::max());
  EXPECT_EQ(limiter.available_permissions(), 3);
}

TEST(RateLimiter, HighRatesAreMet) {
  ManualClock clock;
  RateLimiter limiter("r", {.permits_per_second = 30e6, .burst = 1'000}, clock);
  int admitted = 0;
  for (int i = 0; i < 10'000; ++i) {
    clock.advance(std::chrono::microseconds(1));
    for (int j = 0; j < 40; ++j) admitted += limiter.try_acquire();
  }
  EXPECT_NEAR(admitted, 300'000, 300'000 * 0.002 + 1'000);
}

TEST(RateLimiter, KeepsTheRateInTheStepsOfACoarseClock) {
  ManualClock clock;
  RateLimiter limiter("r", {.permits_per_second = 1'000, .burst = 10}, clock);
  EXPECT_TRUE(limiter.try_acquire(10));
  int admitted = 0;
  for (int i = 0; i < 250; ++i) {  // 250 steps of 4 ms
    clock.advance(milliseconds(4));
    for (int j = 0; j < 20; ++j) admitted += limiter.try_acquire();
  }
  EXPECT_EQ(admitted, 1'000);
}

TEST(RateLimiterConfig, SaysWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_TRUE(validate(RateLimiterConfig{}).ok());
  EXPECT_THAT(validate({.permits_per_second = 0}).error().message,
              HasSubstr("permits_per_second is 0; it must be from 1.15"));
  EXPECT_THAT(validate({.burst = 0}).error().message, HasSubstr("burst is 0; it must be from 1"));
  EXPECT_THAT(validate({.permits_per_second = 0.01, .burst = 1'000'000}).error().message,
              HasSubstr("takes 1157 days to refill"));
  EXPECT_THAT(validate({.max_wait = milliseconds(-1)}).error().message,
              HasSubstr("max_wait is -1 ms; it must be from 0 ms to 365 days"));
  const ManualClock clock;
  EXPECT_THROW(RateLimiter("r", {.burst = -1}, clock), std::invalid_argument);
}

}  // namespace
}  // namespace stormlog::resilience
