#include "common/base/uuid.hpp"

#include <gtest/gtest.h>

#include <unordered_set>

namespace stormlog {
namespace {

std::int64_t wall_ms(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall_now().time_since_epoch())
      .count();
}

TEST(UuidTest, FormatsAndParses) {
  const std::string text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";  // RFC 9562, appendix A.6
  const auto id = Uuid::parse(text);
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->to_string(), text);
  EXPECT_EQ(id->unix_ms(), 0x017F22E279B0);
  EXPECT_EQ(Uuid::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), id);
  EXPECT_EQ(Uuid{}.to_string(), "00000000-0000-0000-0000-000000000000");
}

TEST(UuidTest, RefusesEverythingElse) {
  for (const char* text :
       {"", "017f22e279b07cc398c4dc0c0c07398f", "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2_79b0_7cc3_98c4_dc0c0c07398f"}) {
    EXPECT_FALSE(Uuid::parse(text).has_value()) << text;
  }
}

TEST(UuidTest, OnlyVersionSevenHasATime) {
  EXPECT_FALSE(Uuid::parse("919108f7-52d1-4320-9bac-f847db4148a8")->unix_ms().has_value());
}

TEST(UuidTest, GeneratedIdsHaveVersionVariantAndTime) {
  ManualClock clock;
  UuidV7Generator generator(clock, Random(1));
  for (int i = 0; i < 1'000; ++i) {
    clock.advance(std::chrono::milliseconds(3));
    const Uuid id = generator.next();
    EXPECT_EQ(id.bytes[6] >> 4, 7);
    EXPECT_EQ(id.bytes[8] >> 6, 2);
    EXPECT_EQ(id.unix_ms(), wall_ms(clock));
  }
}

TEST(UuidTest, AscendsWithinAMillisecond) {
  ManualClock clock;
  UuidV7Generator generator(clock, Random(2));
  std::unordered_set<Uuid, UuidHash> seen;
  Uuid last;
  for (int i = 0; i < 100'000; ++i) {
    const Uuid id = generator.next();
    ASSERT_GT(id, last) << i;
    ASSERT_GT(id.to_string(), last.to_string());
    seen.insert(id);
    last = id;
  }
  EXPECT_EQ(seen.size(), 100'000U);
}

TEST(UuidTest, AscendsWhenTheClockStepsBack) {
  ManualClock clock;
  UuidV7Generator generator(clock, Random(3));
  Random random(4);
  Uuid last;
  for (int i = 0; i < 10'000; ++i) {
    clock.advance(std::chrono::microseconds(random.below(3'000)));
    if (random.chance(0.01)) clock.step_wall(-std::chrono::seconds(random.below(3'600)));
    if (random.chance(0.01)) clock.step_wall(std::chrono::seconds(random.below(60)));
    const Uuid id = generator.next();
    ASSERT_GT(id, last) << i;
    last = id;
  }
}

TEST(UuidTest, GeneratorsWithOtherSeedsDiffer) {
  const ManualClock clock;
  UuidV7Generator a(clock, Random(1));
  UuidV7Generator b(clock, Random(2));
  EXPECT_NE(a.next(), b.next());
}

TEST(UuidTest, HashDependsOnAllOfIt) {
  Uuid a;
  Uuid b;
  b.bytes[0] = 1;
  Uuid c;
  c.bytes[15] = 1;
  const UuidHash hash;
  EXPECT_NE(hash(a), hash(b));
  EXPECT_NE(hash(a), hash(c));
}

}  // namespace
}  // namespace stormlog
