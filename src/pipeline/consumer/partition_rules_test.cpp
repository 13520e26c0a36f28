#include "pipeline/consumer/partition_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/units.hpp"
#include "pipeline/consumer/id_time.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

WallTime at(const std::string& text) {
  return *units::parse_rfc3339(text);
}

TEST(IdTime, IsThatOfAVersion7Uuid) {
  // 2026-01-31T12:00:00.123Z
  const Uuid id = *Uuid::parse("019c13f0-0c7b-7000-8000-000000000000");
  EXPECT_EQ(id_time(id, WallTime{}), WallTime{std::chrono::milliseconds{*id.unix_ms()}});
}

TEST(IdTime, IsNoneOfOtherVersionsBeforeTheFirstPartitionAndFarOff) {
  EXPECT_FALSE(id_time(*Uuid::parse("019c13f0-0c7b-4000-8000-000000000000"), WallTime{}));
  EXPECT_FALSE(id_time(*Uuid::parse("019c13f0-0c7b-8000-8000-000000000000"), WallTime{}));
  const Uuid id = *Uuid::parse("019c13f0-0c7b-7000-8000-000000000000");
  const WallTime time = *id_time(id, WallTime{});
  EXPECT_TRUE(id_time(id, time));
  EXPECT_FALSE(id_time(id, time + 1ns));
  // The last millisecond before 2100, the next, and the last of all.
  EXPECT_TRUE(id_time(*Uuid::parse("03bb2cc3-d7ff-7000-8000-000000000000"), WallTime{}));
  EXPECT_FALSE(id_time(*Uuid::parse("03bb2cc3-d800-7000-8000-000000000000"), WallTime{}));
  EXPECT_FALSE(id_time(*Uuid::parse("ffffffff-ffff-7fff-bfff-ffffffffffff"), WallTime{}));
}

TEST(PartitionRules, DaysBeginAtMidnightUtc) {
  const PartitionRules rules;
  EXPECT_EQ(rules.floor(at("2026-01-31T23:59:59.999999999Z")), at("2026-01-31T00:00:00Z"));
  EXPECT_EQ(rules.floor(at("2026-02-01T00:00:00Z")), at("2026-02-01T00:00:00Z"));
  EXPECT_EQ(rules.floor(at("1969-12-31T23:00:00Z")), at("1969-12-31T00:00:00Z"));
  EXPECT_EQ(partition_name(at("2026-02-01T00:00:00Z")), "logs_p20260201");
  EXPECT_EQ(partition_name(at("2026-02-01T13:00:00Z")), "logs_p20260201_13");
  EXPECT_EQ(partition_name(at("2026-02-01T00:30:00Z")), "logs_p20260201_0030");
}

TEST(PartitionRules, TheNextDaysAreWantedBeforeMidnight) {
  PartitionRules rules;
  rules.ahead = 2;
  EXPECT_THAT(rules.wanted(at("2026-01-30T23:59:59Z")),
              ElementsAre(at("2026-01-30T00:00:00Z"), at("2026-01-31T00:00:00Z"),
                          at("2026-02-01T00:00:00Z")));
}

TEST(PartitionRules, FarOffIdsGetNoPartition) {
  PartitionRules rules;
  rules.ahead = 1;
  rules.late = 48h;
  const WallTime now = at("2026-01-30T12:00:00Z");
  EXPECT_TRUE(rules.makes(at("2026-01-31T23:59:59Z"), now));
  EXPECT_FALSE(rules.makes(at("2026-02-01T00:00:00Z"), now));
  EXPECT_TRUE(rules.makes(at("2026-01-28T00:00:00Z"), now));
  EXPECT_FALSE(rules.makes(at("2026-01-27T23:59:59Z"), now));
}

TEST(PartitionRules, WhatWouldBeDroppedAtOnceIsNotMade) {
  PartitionRules rules;
  rules.late = 30 * 24h;
  rules.retention = 48h;
  // For each time of the day.
  for (auto hour = 0h; hour < 24h; ++hour) {
    const WallTime now = at("2026-01-30T00:00:00Z") + hour;
    for (auto back = 0h; back < 100h; ++back) {
      const WallTime id = now - back;
      if (rules.makes(id, now)) {
        EXPECT_GT(rules.floor(id) + rules.interval, *rules.cutoff(now)) << hour << " " << back;
      }
    }
  }
}

TEST(PartitionRules, WhatIsFreeIsClippedByNeighboursOfAnotherInterval) {
  PartitionRules rules;
  rules.interval = 7 * 24h;
  const WallTime time = at("2026-01-30T12:00:00Z");
  const WallTime week = rules.floor(time);
  EXPECT_EQ(rules.free_around(time, {}), (std::pair{week, week + 7 * 24h}));
  const std::vector<LogPartition> days = {
      {"a", at("2026-01-29T00:00:00Z"), at("2026-01-30T00:00:00Z"), {}, {}},
      {"b", at("2026-01-31T00:00:00Z"), at("2026-02-01T00:00:00Z"), {}, {}}};
  EXPECT_EQ(rules.free_around(time, days),
            (std::pair{at("2026-01-30T00:00:00Z"), at("2026-01-31T00:00:00Z")}));
}

TEST(PartitionRules, BadOnesAreRefusedByName) {
  const auto message = [](PartitionRules rules) {
    const Result<void> good = rules.check();
    return good.ok() ? std::string() : good.error().message;
  };
  EXPECT_EQ(message({}), "");
  EXPECT_THAT(message({.interval = 90min}), HasSubstr("--partition-interval"));
  EXPECT_THAT(message({.retention = 23h}), HasSubstr("--retention"));
  EXPECT_EQ(message({.retention = 24h}), "");
  EXPECT_THAT(message({.interval = 1h, .late = 401h}), HasSubstr("--partition-late"));
}

}  // namespace
}  // namespace stormlog::pipeline
