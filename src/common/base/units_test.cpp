#include "common/base/units.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "common/base/random.hpp"

namespace stormlog::units {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(UnitsTest, DurationsAreRead) {
  const std::pair<const char*, Nanoseconds> cases[] = {
      {"250ms", milliseconds(250)},
      {"10s", seconds(10)},
      {"1m30s", seconds(90)},
      {"2h", hours(2)},
      {"500us", microseconds(500)},
      {"1.5s", milliseconds(1500)},
      {"7ns", Nanoseconds(7)},
      {"1d", hours(24)},
      {"0", Nanoseconds(0)},
      {"0s", Nanoseconds(0)},
      {"0.001us", Nanoseconds(1)},
      {"1h0.5s", hours(1) + milliseconds(500)},
      {"9223372036854775807ns", Nanoseconds::max()},
  };
  for (const auto& [text, expected] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
    EXPECT_EQ(parsed->count(), expected.count()) << text;
  }
}

TEST(UnitsTest, BadDurationsAreRefusedWithARemedy) {
  for (const char* text : {"",
                           "10",
                           "s",
                           "10x",
                           "-5s",
                           "1s1m",
                           "1s2s",
                           "1.5",
                           "1.s",
                           ".5s",
                           "1..5s",
                           "1 s",
                           "1s ",
                           "0.5ns",
                           "10S",
                           "1e3s",
                           "9223372036854775808ns",
                           "300000d",
                           "99999999999999999999999999999s",
                           "106751d24h",
                           "nan",
                           "∞"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_NE(parsed.error().message.find("write it as 250ms"), std::string::npos);
    EXPECT_NE(parsed.error().message.find('"' + std::string(text) + '"'), std::string::npos);
  }
}

TEST(UnitsTest, DurationsAreWrittenShort) {
  EXPECT_EQ(format_duration(milliseconds(250)), "250ms");
  EXPECT_EQ(format_duration(milliseconds(1500)), "1500ms");
  EXPECT_EQ(format_duration(seconds(90)), "90s");
  EXPECT_EQ(format_duration(minutes(2)), "2m");
  EXPECT_EQ(format_duration(hours(48)), "2d");
  EXPECT_EQ(format_duration(Nanoseconds(0)), "0s");
  EXPECT_EQ(format_duration(-milliseconds(5)), "-5ms");
  EXPECT_EQ(format_duration(Nanoseconds::min()), "-9223372036854775808ns");
}

TEST(UnitsTest, EveryDurationIsReadBack) {
  Random random(11);
  for (int i = 0; i < 5'000; ++i) {
    Nanoseconds value{static_cast<std::int64_t>(random.next() >> (1 + random.below(63)))};
    if (random.chance(0.5)) value = value / 1'000'000 * 1'000'000;
    const auto parsed = parse_duration(format_duration(value));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, value);
  }
}

TEST(UnitsTest, DurationsForPeopleHaveThreeDigits) {
  EXPECT_EQ(human_duration(Nanoseconds(0)), "0 ns");
  EXPECT_EQ(human_duration(Nanoseconds(17)), "17 ns");
  EXPECT_EQ(human_duration(microseconds(843)), "843 µs");
  EXPECT_EQ(human_duration(milliseconds(1234)), "1.23 s");
  EXPECT_EQ(human_duration(Nanoseconds(12'345'678)), "12.3 ms");
  EXPECT_EQ(human_duration(Nanoseconds(999'600)), "1.00 ms");
  EXPECT_EQ(human_duration(Nanoseconds(9'996'000)), "10.0 ms");
  EXPECT_EQ(human_duration(seconds(90)), "1.50 min");
  EXPECT_EQ(human_duration(hours(30)), "1.25 d");
  EXPECT_EQ(human_duration(-milliseconds(1234)), "-1.23 s");
}

TEST(UnitsTest, SizesAreRead) {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"512B", 512},
      {"64KB", 64'000},
      {"64KiB", 65'536},
      {"10MB", 10'000'000},
      {"1.5MiB", 1'572'864},
      {"2GiB", 2ULL << 30},
      {"1TB", 1'000'000'000'000},
      {"0", 0},
      {"0B", 0},
      {"18446744073709551615B", std::numeric_limits<std::uint64_t>::max()},
  };
  for (const auto& [text, expected] : cases) {
    const auto parsed = parse_bytes(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, expected) << text;
  }
  for (const char* text : {"", "10", "KB", "1.5B", "10kb", "10 MB", "-1B", "18446744073709551616B",
                           "99999999999TiB", "1MB2KB"}) {
    EXPECT_FALSE(parse_bytes(text).ok()) << text;
  }
}

TEST(UnitsTest, EverySizeIsReadBack) {
  EXPECT_EQ(format_bytes(64'000), "64KB");
  EXPECT_EQ(format_bytes(10 * 1024 * 1024), "10MiB");
  EXPECT_EQ(format_bytes(0), "0B");
  EXPECT_EQ(format_bytes(1'001), "1001B");
  Random random(12);
  for (int i = 0; i < 5'000; ++i) {
    std::uint64_t value = random.next() >> random.below(64);
    if (random.chance(0.5)) value = value >> 20 << 20;
    const auto parsed = parse_bytes(format_bytes(value));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, value);
  }
}

TEST(UnitsTest, Rates) {
  EXPECT_DOUBLE_EQ(*parse_rate("2000/s"), 2000);
  EXPECT_DOUBLE_EQ(*parse_rate("30/m"), 0.5);
  EXPECT_DOUBLE_EQ(*parse_rate("0.5/s"), 0.5);
  EXPECT_DOUBLE_EQ(*parse_rate("3600/h"), 1);
  EXPECT_DOUBLE_EQ(*parse_rate("0"), 0);
  for (const char* text : {"", "2000", "/s", "2000/", "2000/d", "-1/s", "x/s", "inf/s", "1/s/s"}) {
    EXPECT_FALSE(parse_rate(text).ok()) << text;
  }
  EXPECT_EQ(format_rate(2000), "2000/s");
  EXPECT_EQ(format_rate(0.5), "0.5/s");
  for (const double rate : {1.0 / 3, 1e15, 1e-9, 123456.789}) {
    EXPECT_EQ(*parse_rate(format_rate(rate)), rate);
  }
}

TEST(UnitsTest, WholeNumbers) {
  EXPECT_EQ(*parse_int("42"), 42);
  EXPECT_EQ(*parse_int("-7"), -7);
  EXPECT_EQ(*parse_int("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  for (const char* text : {"", " 1", "1 ", "+1", "0x10", "1.0", "9223372036854775808", "--1"}) {
    EXPECT_FALSE(parse_int(text).ok()) << text;
  }
  EXPECT_EQ(*parse_double("-0.25"), -0.25);
  EXPECT_EQ(*parse_double("1e3"), 1000);
  for (const char* text : {"", "nan", "inf", "1e999", "1,5", "1.5x"}) {
    EXPECT_FALSE(parse_double(text).ok()) << text;
  }
}

WallTime at_ns(std::int64_t ns) {
  return WallTime{Nanoseconds{ns}};
}

TEST(UnitsTest, TimesAreWrittenInUtc) {
  const WallTime time = at_ns(1'769'860'800'123'456'789);
  EXPECT_EQ(format_rfc3339(time), "2026-01-31T12:00:00.123Z");
  EXPECT_EQ(format_rfc3339(time, 0), "2026-01-31T12:00:00Z");
  EXPECT_EQ(format_rfc3339(time, 1), "2026-01-31T12:00:00.1Z");
  EXPECT_EQ(format_rfc3339(time, 9), "2026-01-31T12:00:00.123456789Z");
  EXPECT_EQ(format_rfc3339(at_ns(-1), 9), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(format_rfc3339(at_ns(0), 0), "1970-01-01T00:00:00Z");
}

TEST(UnitsTest, TimesAreReadWithAnyOffset) {
  const WallTime noon = at_ns(1'769'860'800'000'000'000);
  for (const char* text : {"2026-01-31T12:00:00Z", "2026-01-31t12:00:00z", "2026-01-31 12:00:00Z",
                           "2026-01-31T14:00:00+02:00", "2026-01-31T06:30:00-05:30",
                           "2026-01-31T12:00:00.000000000Z", "2026-01-31T12:00:00-00:00"}) {
    const auto parsed = parse_rfc3339(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, noon) << text;
  }
  EXPECT_EQ(*parse_rfc3339("2026-01-31T12:00:00.5Z"), noon + milliseconds(500));
  EXPECT_EQ(*parse_rfc3339("2024-02-29T00:00:00Z") + hours(24),
            *parse_rfc3339("2024-03-01T00:00:00Z"));
  // A leap second is the start of the next second.
  EXPECT_EQ(*parse_rfc3339("2016-12-31T23:59:60Z"), *parse_rfc3339("2017-01-01T00:00:00Z"));
}

TEST(UnitsTest, BadTimesAreRefused) {
  for (const char* text :
       {"", "2026", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00Z", "2026-1-31T12:00:00Z",
        "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z", "2026-01-31T12:00:61Z", "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00.1234567890Z", "2026-01-31T12:00:00+0200", "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00Z ", "1500-01-01T00:00:00Z", "9999-01-01T00:00:00Z",
        "+026-01-31T12:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text).ok()) << text;
  }
}

TEST(UnitsTest, EveryTimeIsReadBack) {
  Random random(13);
  for (int i = 0; i < 5'000; ++i) {
    const WallTime time = at_ns(static_cast<std::int64_t>(random.below(9'000'000'000'000'000'000)) -
                                ((i % 2 == 0) ? 0 : 9'000'000'000'000'000'000));
    const auto parsed = parse_rfc3339(format_rfc3339(time, 9));
    ASSERT_TRUE(parsed.ok()) << format_rfc3339(time, 9);
    EXPECT_EQ(*parsed, time);
  }
}

}  // namespace
}  // namespace stormlog::units
