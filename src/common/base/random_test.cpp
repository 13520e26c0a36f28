#include "common/base/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace stormlog {
namespace {

TEST(RandomTest, MatchesTheReferenceAlgorithm) {
  // From the authors' splitmix64.c and xoshiro256starstar.c, seeded with 1234567 and 0.
  Random a(1234567);
  EXPECT_EQ(a.next(), 0x30a3a1c363600467ULL);
  EXPECT_EQ(a.next(), 0x19405f0f579929caULL);
  Random b(0);
  EXPECT_EQ(b.next(), 0x99ec5f36cb75f2b4ULL);
  EXPECT_EQ(b.next(), 0xbf6e1f784956452aULL);
}

TEST(RandomTest, SameSeedSameNumbers) {
  Random a(42);
  Random b(42);
  Random c(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = a.next();
    EXPECT_EQ(value, b.next());
    differs = differs || value != c.next();
  }
  EXPECT_TRUE(differs);
  EXPECT_EQ(a.seed(), 42U);
}

TEST(RandomTest, ForkDependsOnSeedAndLabelAlone) {
  Random drawn(7);
  const Random fresh(7);
  for (int i = 0; i < 10; ++i) drawn.next();
  EXPECT_EQ(drawn.fork("load").next(), fresh.fork("load").next());
  EXPECT_NE(fresh.fork("load").next(), fresh.fork("faults").next());
  EXPECT_NE(fresh.fork("load").next(), Random(8).fork("load").next());
  EXPECT_NE(fresh.fork("").next(), Random(7).next());
  // A recorded schedule must replay on every later version.
  EXPECT_EQ(Random(7).fork("load").next(), 0x79a3e779b3237df4ULL);
}

TEST(RandomTest, BelowStaysUnderItsBoundAndReachesAll) {
  Random random(1);
  EXPECT_EQ(random.below(0), 0U);
  EXPECT_EQ(random.below(1), 0U);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1'000; ++i) seen.insert(random.below(7));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
  const std::uint64_t huge = (1ULL << 63) + 1;
  for (int i = 0; i < 100; ++i) EXPECT_LT(random.below(huge), huge);
}

TEST(RandomTest, BelowHasNoModuloBias) {
  // 3/4 of the range: with a plain modulo the lower third would be twice as likely.
  const std::uint64_t bound = 3ULL << 62;
  Random random(5);
  int lower_third = 0;
  for (int i = 0; i < 30'000; ++i) lower_third += random.below(bound) < bound / 3 ? 1 : 0;
  EXPECT_NEAR(lower_third, 10'000, 500);
}

TEST(RandomTest, UniformAndChance) {
  Random random(3);
  std::array<int, 10> tenths{};
  for (int i = 0; i < 10'000; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    ++tenths[static_cast<std::size_t>(value * 10)];
  }
  for (const int count : tenths) EXPECT_NEAR(count, 1'000, 150);
  EXPECT_FALSE(random.chance(0));
  EXPECT_TRUE(random.chance(1));
}

TEST(RandomTest, EntropySeedsDiffer) {
  EXPECT_NE(Random::entropy_seed(), Random::entropy_seed());
}

}  // namespace
}  // namespace stormlog
