#include "pipeline/auth/token_table.hpp"

#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

TokenEntry make(const std::string& name, const std::string& token,
                std::optional<Quota> quota = std::nullopt) {
  TokenEntry entry;
  entry.name = name;
  entry.digest = sha256(token);
  entry.scopes = {Scope::write};
  entry.quota = quota;
  return entry;
}

TEST(Sha256Test, IsThatOfTheStandard) {
  // Source: FIPS 180-2, appendix B.1.
  const char* abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(to_hex(sha256("abc")), abc);
  EXPECT_EQ(to_hex(sha256("a", "bc")), abc);
  EXPECT_EQ(parse_sha256(abc), sha256("abc"));
  EXPECT_FALSE(parse_sha256("ba78"));
  EXPECT_FALSE(parse_sha256(std::string(63, 'a') + "/"));
}

TEST(Sha256Test, EveryByteIsCompared) {
  const Sha256 digest = sha256("token");
  EXPECT_TRUE(equal_in_constant_time(digest, digest));
  for (std::size_t i = 0; i < digest.size(); ++i) {
    Sha256 other = digest;
    other[i] ^= 1;
    EXPECT_FALSE(equal_in_constant_time(digest, other)) << i;
  }
}

TEST(TokenTableTest, FindsATokenAndNothingLikeIt) {
  const ManualClock clock;
  std::vector<TokenEntry> entries;
  for (int i = 0; i < 1000; ++i) {
    entries.push_back(make("n" + std::to_string(i), "token-" + std::to_string(i)));
  }
  const TokenTable table(std::move(entries), {}, clock);
  for (int i = 0; i < 1000; ++i) {
    const Token* found = table.find("token-" + std::to_string(i));
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->entry.name, "n" + std::to_string(i));
  }
  for (const char* other : {"", "token", "token-1000", "TOKEN-1", "token-1 ", "n1"}) {
    EXPECT_EQ(table.find(other), nullptr) << other;
  }
  // What stands in the file is not what opens.
  EXPECT_EQ(table.find(to_hex(sha256("token-1"))), nullptr);
  EXPECT_EQ(TokenTable().find("token-1"), nullptr);
}

TEST(TokenTableTest, AReloadRefillsNoBucket) {
  const ManualClock clock;
  const TokenTable before({make("shop", "a", Quota{1, 10})}, {}, clock);
  ASSERT_TRUE(before.named("shop")->limiter->try_acquire(10));
  // Another token for the same holder is the same quota.
  const TokenTable same({make("shop", "b", Quota{1, 10})}, before, clock);
  EXPECT_FALSE(same.named("shop")->limiter->try_acquire(1));
  const TokenTable changed({make("shop", "b", Quota{2, 10})}, same, clock);
  EXPECT_TRUE(changed.named("shop")->limiter->try_acquire(1));
  const TokenTable lifted({make("shop", "b")}, changed, clock);
  EXPECT_EQ(lifted.named("shop")->limiter, nullptr);
}

}  // namespace
}  // namespace stormlog::pipeline
