#include "resilience/retry.hpp"

#include <gtest/gtest.h>

#include <set>

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;

constexpr MonotonicTime kNow{std::chrono::seconds(100)};

RetryConfig without_jitter() {
  RetryConfig config;
  config.max_attempts = 0;
  config.initial = milliseconds(100);
  config.max = milliseconds(400);
  config.factor = 2;
  config.jitter = 0;
  return config;
}

TEST(Backoff, GrowsUpToTheCap) {
  Backoff backoff(without_jitter(), Random(1));
  for (const int expected : {100, 200, 400, 400, 400}) {
    EXPECT_EQ(backoff.next(kNow), milliseconds(expected));
  }
  backoff.reset();
  EXPECT_EQ(backoff.next(kNow), milliseconds(100));
}

TEST(Backoff, StaysAtTheCapHoweverOftenItIsAsked) {
  Backoff backoff(without_jitter(), Random(1));
  for (int i = 0; i < 5'000; ++i) backoff.next(kNow);  // 2^5000 is beyond any double
  EXPECT_EQ(backoff.next(kNow), milliseconds(400));
}

TEST(Backoff, CountsTheFirstAttempt) {
  RetryConfig config = without_jitter();
  config.max_attempts = 3;
  Backoff backoff(config, Random(1));
  EXPECT_EQ(backoff.attempts(), 1);
  EXPECT_TRUE(backoff.next(kNow));
  EXPECT_TRUE(backoff.next(kNow));
  EXPECT_EQ(backoff.attempts(), 3);
  EXPECT_FALSE(backoff.next(kNow));
  EXPECT_EQ(backoff.attempts(), 3);
}

TEST(Backoff, NoWaitThatEndsAtTheDeadline) {
  Backoff backoff(without_jitter(), Random(1));
  EXPECT_FALSE(backoff.next(kNow, kNow + milliseconds(100)));
  EXPECT_EQ(backoff.attempts(), 1);
  EXPECT_EQ(backoff.next(kNow, kNow + milliseconds(101)), milliseconds(100));
  EXPECT_FALSE(backoff.next(kNow, kNow - milliseconds(1)));
}

// Clients that have all reached the cap must not come back together.
TEST(Backoff, JitterComesAfterTheCap) {
  RetryConfig config = without_jitter();
  config.jitter = 0.5;
  Backoff backoff(config, Random(1));
  for (int i = 0; i < 10; ++i) backoff.next(kNow);
  std::set<Nanoseconds> waits;
  Nanoseconds longest{0};
  for (int i = 0; i < 200; ++i) {
    const Nanoseconds wait = *backoff.next(kNow);
    EXPECT_GE(wait, milliseconds(200));
    EXPECT_LE(wait, milliseconds(600));
    longest = std::max(longest, wait);
    waits.insert(wait);
  }
  EXPECT_GT(longest, milliseconds(500));
  EXPECT_GT(waits.size(), 190U);
}

TEST(Backoff, TheSameSeedWaitsTheSame) {
  Backoff one(RetryConfig{}, Random(5));
  Backoff other(RetryConfig{}, Random(5));
  EXPECT_EQ(one.next(kNow), other.next(kNow));
  EXPECT_EQ(one.next(kNow), other.next(kNow));
}

}  // namespace
}  // namespace stormlog::resilience
