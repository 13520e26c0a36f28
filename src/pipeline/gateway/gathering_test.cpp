#include "pipeline/gateway/gathering.hpp"

#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;  // NOLINT: a test

constexpr GatheringConfig kConfig{.patience = 2ms, .enough_bytes = 1000};
constexpr MonotonicTime kStart{1h};

// So many have waited at once; one of them still does.
Gathering after_crowd(int size) {
  Gathering gathering(kConfig);
  for (int i = 0; i < size; ++i) gathering.began(kStart);
  for (int i = 1; i < size; ++i) gathering.ended();
  return gathering;
}

TEST(Gathering, WhatComesAfterAPauseLeavesAtOnce) {
  Gathering gathering = after_crowd(10);
  EXPECT_EQ(gathering.wait(kStart, 10), 0ns);
  gathering.left(kStart);
  EXPECT_EQ(gathering.wait(kStart + 2ms, 10), 0ns);
  EXPECT_EQ(gathering.wait(kStart + 1s, 10), 0ns);
}

TEST(Gathering, WhatTricklesWaitsForTheRestOfThePatience) {
  Gathering gathering = after_crowd(10);
  gathering.left(kStart);
  EXPECT_EQ(gathering.wait(kStart, 10), 2ms);
  EXPECT_EQ(gathering.wait(kStart + 500us, 999), 1500us);
}

TEST(Gathering, ACrowdDoesNotWait) {
  Gathering gathering = after_crowd(10);
  gathering.left(kStart);
  EXPECT_EQ(gathering.wait(kStart, 1000), 0ns);
}

TEST(Gathering, WithoutPatienceNobodyWaits) {
  Gathering gathering({.patience = 0ms, .enough_bytes = 1000});
  gathering.began(kStart);
  gathering.began(kStart);
  gathering.ended();
  gathering.left(kStart);
  EXPECT_EQ(gathering.wait(kStart, 10), 0ns);
}

TEST(Gathering, AClientThatSendsOneAfterAnotherNeverWaits) {
  Gathering gathering(kConfig);
  for (MonotonicTime now = kStart; now < kStart + 1s; now += 300us) {
    gathering.began(now);
    ASSERT_EQ(gathering.wait(now, 10), 0ns);
    gathering.left(now);
    gathering.ended();
  }
}

TEST(Gathering, WhenAllAreThereNobodyWaits) {
  Gathering gathering = after_crowd(3);
  gathering.left(kStart);
  gathering.began(kStart + 100us);
  EXPECT_EQ(gathering.wait(kStart + 100us, 10), 1900us);  // two of three
  gathering.began(kStart + 200us);
  EXPECT_EQ(gathering.wait(kStart + 200us, 10), 0ns);
}

TEST(Gathering, ThoseThatWaitedLongAgoAreNotExpected) {
  Gathering gathering = after_crowd(10);
  gathering.ended();
  MonotonicTime now = kStart + 150ms;
  gathering.began(now);
  gathering.left(now);
  EXPECT_EQ(gathering.wait(now, 10), 2ms);
  now = kStart + 260ms;
  gathering.ended();
  gathering.began(now);
  gathering.left(now);
  EXPECT_EQ(gathering.wait(now, 10), 0ns);
}

TEST(Gathering, NorThoseFromBeforeALongPause) {
  Gathering gathering = after_crowd(10);
  gathering.ended();
  const MonotonicTime now = kStart + 1s;
  gathering.began(now);
  gathering.left(now);
  EXPECT_EQ(gathering.wait(now, 10), 0ns);
}

}  // namespace
}  // namespace stormlog::pipeline
