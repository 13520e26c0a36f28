#include "pipeline/ingest/idempotency_keys.hpp"

#include <gtest/gtest.h>

#include <string>

namespace stormlog::pipeline {
namespace {

TEST(IdempotencyKeys, AKeyIsOneBodys) {
  IdempotencyKeys keys(10);
  keys.claim("k", "a")->keep();
  EXPECT_FALSE(keys.claim("k", "b"));
  EXPECT_TRUE(keys.claim("k", "a"));
  EXPECT_TRUE(keys.claim("other", "b"));
}

TEST(IdempotencyKeys, ItIsFreeAgainWhenNothingWasStored) {
  IdempotencyKeys keys(10);
  { const auto claim = keys.claim("k", "a"); }
  EXPECT_EQ(keys.size(), 0U);
  EXPECT_TRUE(keys.claim("k", "b"));
}

TEST(IdempotencyKeys, ItIsTakenWhileARequestIsUnderWay) {
  IdempotencyKeys keys(10);
  const auto first = keys.claim("k", "a");
  EXPECT_FALSE(keys.claim("k", "b"));
}

TEST(IdempotencyKeys, OneOfTwoThatWasStoredKeepsIt) {
  IdempotencyKeys keys(10);
  {
    auto stored = keys.claim("k", "a");
    const auto failed = keys.claim("k", "a");
    stored->keep();
  }
  EXPECT_FALSE(keys.claim("k", "b"));
  { const auto repeated = keys.claim("k", "a"); }  // and fails this time
  EXPECT_FALSE(keys.claim("k", "b"));
}

TEST(IdempotencyKeys, TheOldestIsForgottenFirst) {
  IdempotencyKeys keys(3);
  for (int i = 0; i < 100; ++i) keys.claim("k" + std::to_string(i), "a")->keep();
  EXPECT_LE(keys.size(), 4U);
  EXPECT_FALSE(keys.claim("k99", "b"));
  EXPECT_TRUE(keys.claim("k0", "b"));
}

TEST(IdempotencyKeys, OneThatIsForgottenWhileItIsUnderWayIsRememberedAtItsEnd) {
  IdempotencyKeys keys(1);
  keys.claim("k", "a")->keep();
  auto again = keys.claim("k", "a");
  for (int i = 0; i < 5; ++i) keys.claim("n" + std::to_string(i), "a")->keep();
  EXPECT_FALSE(keys.claim("k", "b"));
  again->keep();
  EXPECT_FALSE(keys.claim("k", "b"));
}

TEST(IdempotencyKeys, ClaimsMayOutliveIt) {
  std::optional<IdempotencyKeys::Claim> claim;
  {
    IdempotencyKeys keys(1);
    claim = keys.claim("k", "a");
  }
  claim->keep();
}

TEST(IdempotencyKeys, NoneAreRememberedWithoutRoom) {
  IdempotencyKeys keys(0);
  keys.claim("k", "a")->keep();
  EXPECT_TRUE(keys.claim("k", "b"));
  EXPECT_EQ(keys.size(), 0U);
}

}  // namespace
}  // namespace stormlog::pipeline
