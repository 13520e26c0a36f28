#include "pipeline/event/tracestate.hpp"

#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

std::string members(std::size_t count, std::size_t value_bytes) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) {
    list += (i == 0 ? "k" : ",k") + std::to_string(i) + "=" + std::string(value_bytes, 'v');
  }
  return list;
}

TEST(Tracestate, WhatIsValidIsKept) {
  for (const std::string list :
       {"rojo=00f067aa0ba902b7", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1", "a_-*/9=!\"#$~",
        "fw529a3039@dt=FfYwMTQ0", "0tenant@sys=x", "a= leading blank"}) {
    EXPECT_EQ(normalise_tracestate(list), list);
  }
  EXPECT_EQ(normalise_tracestate(std::string(256, 'k') + "=v").size(), 258U);
  EXPECT_EQ(normalise_tracestate("k=" + std::string(256, 'v')).size(), 258U);
}

TEST(Tracestate, BlanksAroundMembersAndEmptyOnesGo) {
  EXPECT_EQ(normalise_tracestate(" a=1 ,\tb=2\t, ,,c=3,"), "a=1,b=2,c=3");
  EXPECT_EQ(normalise_tracestate(""), "");
  EXPECT_EQ(normalise_tracestate(" , "), "");
}

TEST(Tracestate, WhatIsNotValidIsDroppedAsAWhole) {
  for (const std::string bad :
       {"a", "a=", "=1", "A=1", "1a=1", "a =1", "a=1=2", "a=1,b", "a=1,a=2", "@sys=1", "t@=1",
        "t@9=1", "t@sys@x=1", "a=\x7f", "a=\xc3\xa4", "a.b=1"}) {
    EXPECT_EQ(normalise_tracestate(bad), "") << bad;
  }
  EXPECT_EQ(normalise_tracestate("k=" + std::string(257, 'v')), "");
  EXPECT_EQ(normalise_tracestate(std::string(257, 'k') + "=v"), "");
  EXPECT_EQ(normalise_tracestate(std::string(242, 't') + "@sys=v"), "");
  EXPECT_EQ(normalise_tracestate("t@" + std::string(15, 's') + "=v"), "");
}

TEST(Tracestate, ThirtyTwoMembersAreAllowedAndNoMore) {
  EXPECT_EQ(normalise_tracestate(members(32, 1)), members(32, 1));
  EXPECT_EQ(normalise_tracestate(members(33, 1)), "");
}

TEST(Tracestate, WhatIsTooLongLosesLongMembersFirstAndThenTheOldest) {
  const std::string just = members(2, 253);  // 2 × 256 and a comma: one byte too many
  EXPECT_EQ(just.size(), 513U);
  EXPECT_EQ(normalise_tracestate(just), "k0=" + std::string(253, 'v'));
  const std::string whole = members(2, 252);
  EXPECT_EQ(normalise_tracestate(whole), whole);
  const std::string mixed = "long=" + std::string(200, 'x') + "," + members(10, 40);
  const std::string kept = normalise_tracestate(mixed);
  EXPECT_EQ(kept, members(10, 40));
  EXPECT_EQ(normalise_tracestate(members(20, 40)), members(11, 40));
}

}  // namespace
}  // namespace stormlog::pipeline
