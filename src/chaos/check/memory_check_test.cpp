// memory: what services took before a fault of 5 s to 8 s, at their peak, and at the end.

#include "chaos/check/check_test_support.hpp"
#include "chaos/check/support.hpp"

namespace stormlog::chaos {
namespace {

using test::CheckCase;
using test::seconds;
using test::Story;

constexpr auto kPassed = CheckOutcome::passed;
constexpr auto kFailed = CheckOutcome::failed;
constexpr auto kUnknown = CheckOutcome::unknown;
constexpr std::uint64_t kMiB = 1024 * 1024;

struct Look {
  double at;
  std::uint64_t mebibytes;
};

RunRecord story(const std::vector<Look>& gateway, const std::vector<Look>& producer) {
  Story run = Story::healthy();
  run.lasting(5, 8);
  for (const Look& look : gateway) {
    run.record.memory.push_back({"api-gateway", seconds(look.at), look.mebibytes * kMiB});
  }
  for (const Look& look : producer) {
    run.record.memory.push_back({"log-producer", seconds(look.at), look.mebibytes * kMiB});
  }
  return run.record;
}

std::function<RunRecord()> looks(std::vector<Look> gateway, std::vector<Look> producer = {}) {
  return [=] { return story(gateway, producer); };
}

const std::vector<Look> kFlat = {{1, 20}, {4, 22}, {6, 23}, {20, 22}};
const std::vector<Look> kGrows = {{1, 20}, {4, 20}, {6, 50}, {7, 90}, {20, 30}};

class Memory : public testing::TestWithParam<CheckCase> {};

TEST_P(Memory, judges) {
  test::expect_outcome(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    table, Memory,
    testing::Values(
        CheckCase{"flat", "memory", {"max_growth=1MiB"}, looks(kFlat), kPassed},
        CheckCase{"a_peak_that_has_gone_again",
                  "memory",
                  {"max_growth=64MiB"},
                  looks(kGrows),
                  kFailed,
                  "api-gateway grew from 20MiB to 90MiB, by more than 64MiB"},
        CheckCase{
            "growth_within_the_bound", "memory", {"max_growth=70MiB"}, looks(kGrows), kPassed},
        CheckCase{"one_of_two",
                  "memory",
                  {"max_growth=10MiB"},
                  looks(kFlat, kGrows),
                  kFailed,
                  "log-producer grew"},
        CheckCase{"only_the_other_is_judged",
                  "memory",
                  {"max_growth=10MiB", "services=api-gateway"},
                  looks(kFlat, kGrows),
                  kPassed},
        CheckCase{"beyond_an_absolute_bound",
                  "memory",
                  {"max_growth=1GiB", "max=80MiB"},
                  looks(kFlat, kGrows),
                  kFailed,
                  "log-producer took 90MiB, more than 80MiB"},
        // A process that was killed begins anew: less is no growth.
        CheckCase{"less_than_before",
                  "memory",
                  {"max_growth=0B"},
                  looks({{1, 90}, {4, 90}, {6, 10}, {20, 40}}),
                  kPassed},
        CheckCase{"never_seen", "memory", {}, looks({}), kUnknown, "the memory of no service"},
        CheckCase{"seen_too_late",
                  "memory",
                  {},
                  looks({{6, 20}, {20, 20}}),
                  kUnknown,
                  "not seen before the first fault"},
        CheckCase{"another_service",
                  "memory",
                  {"services=api-gatewy"},
                  looks(kFlat),
                  kUnknown,
                  "did you mean \"api-gateway\""},
        CheckCase{"no_fault",
                  "memory",
                  {},
                  [] {
                    RunRecord run = story(kFlat, {});
                    run.faults.clear();
                    return run;
                  },
                  kUnknown,
                  "no fault was injected"}),
    test::case_name);

TEST(MemoryUses, AreTheMostBeforeThePeakAndTheEnd) {
  const auto uses = memory_uses(story(kGrows, {{6, 5}}));
  ASSERT_EQ(uses.size(), 2U);
  EXPECT_EQ(uses.at("api-gateway").before, 20 * kMiB);
  EXPECT_EQ(uses.at("api-gateway").peak, 90 * kMiB);
  EXPECT_EQ(uses.at("api-gateway").after, 30 * kMiB);
  EXPECT_FALSE(uses.at("log-producer").before.has_value());
}

}  // namespace
}  // namespace stormlog::chaos
