#include "pipeline/gateway/gathering.hpp"

#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;  // NOLINT: a test

TEST(Gathering, WhatComesAfterAPauseLeavesAtOnce) {
  Gathering gathering({.patience = 2ms, .enough_bytes = 1000});
  const MonotonicTime start{1h};
  EXPECT_EQ(gathering.wait(start, 10), 0ns);
  gathering.left(start);
  EXPECT_EQ(gathering.wait(start + 2ms, 10), 0ns);
  EXPECT_EQ(gathering.wait(start + 1s, 10), 0ns);
}

TEST(Gathering, WhatTricklesWaitsForTheRestOfThePatience) {
  Gathering gathering({.patience = 2ms, .enough_bytes = 1000});
  const MonotonicTime start{1h};
  gathering.left(start);
  EXPECT_EQ(gathering.wait(start, 10), 2ms);
  EXPECT_EQ(gathering.wait(start + 500us, 999), 1500us);
}

TEST(Gathering, ACrowdDoesNotWait) {
  Gathering gathering({.patience = 2ms, .enough_bytes = 1000});
  const MonotonicTime start{1h};
  gathering.left(start);
  EXPECT_EQ(gathering.wait(start, 1000), 0ns);
}

TEST(Gathering, WithoutPatienceNobodyWaits) {
  Gathering gathering({.patience = 0ms, .enough_bytes = 1000});
  const MonotonicTime start{1h};
  gathering.left(start);
  EXPECT_EQ(gathering.wait(start, 10), 0ns);
}

}  // namespace
}  // namespace stormlog::pipeline
