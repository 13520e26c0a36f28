#include "pipeline/gateway/crowd.hpp"

#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;  // NOLINT: a test

constexpr MonotonicTime kStart{1h};

// So many have waited at once; one of them still does.
Crowd after_crowd(int size) {
  Crowd crowd;
  for (int i = 0; i < size; ++i) crowd.began(kStart);
  for (int i = 1; i < size; ++i) crowd.ended();
  return crowd;
}

TEST(Crowd, IsThereWhenAsManyWaitAsHaveLatelyWaitedAtOnce) {
  Crowd crowd = after_crowd(3);
  EXPECT_FALSE(crowd.all_there());
  crowd.began(kStart + 100us);
  EXPECT_FALSE(crowd.all_there());
  crowd.began(kStart + 200us);
  EXPECT_TRUE(crowd.all_there());
  crowd.began(kStart + 300us);  // one more than ever
  EXPECT_TRUE(crowd.all_there());
  crowd.ended();
  EXPECT_FALSE(crowd.all_there());
}

TEST(Crowd, OneThatSendsOneAfterAnotherIsAll) {
  Crowd crowd;
  for (MonotonicTime now = kStart; now < kStart + 1s; now += 300us) {
    crowd.began(now);
    ASSERT_TRUE(crowd.all_there());
    crowd.ended();
  }
}

TEST(Crowd, ThoseThatWaitedLongAgoAreNotExpected) {
  Crowd crowd = after_crowd(10);
  crowd.ended();
  crowd.began(kStart + 150ms);
  EXPECT_FALSE(crowd.all_there());
  crowd.ended();
  crowd.began(kStart + 260ms);
  EXPECT_TRUE(crowd.all_there());
}

TEST(Crowd, NorThoseFromBeforeALongPause) {
  Crowd crowd = after_crowd(10);
  crowd.ended();
  crowd.began(kStart + 1s);
  EXPECT_TRUE(crowd.all_there());
}

}  // namespace
}  // namespace stormlog::pipeline
