#include "common/base/suggest.hpp"

#include <gtest/gtest.h>

namespace stormlog {
namespace {

const std::vector<std::string> kFaults = {"service_kill", "service_pause", "service_restart",
                                          "network_latency"};

TEST(SuggestTest, FindsTypingErrors) {
  EXPECT_EQ(closest_match("servce_kill", kFaults), "service_kill");     // missing
  EXPECT_EQ(closest_match("service_killl", kFaults), "service_kill");   // doubled
  EXPECT_EQ(closest_match("service_kil1", kFaults), "service_kill");    // replaced
  EXPECT_EQ(closest_match("sevrice_pause", kFaults), "service_pause");  // swapped
  EXPECT_EQ(closest_match("network_latncy", kFaults), "network_latency");
  EXPECT_EQ(closest_match("service_kill", kFaults), "service_kill");
}

TEST(SuggestTest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(closest_match("cpu", kFaults), "");
  EXPECT_EQ(closest_match("", kFaults), "");
  EXPECT_EQ(closest_match("x", {}), "");
  // Short names are not all alike.
  EXPECT_EQ(closest_match("ab", {"xy"}), "");
}

TEST(SuggestTest, TakesTheNearestAndTheFirstOfEquals) {
  EXPECT_EQ(closest_match("rate", {"date", "rates", "rate"}), "rate");
  EXPECT_EQ(closest_match("cats", {"cars", "bats"}), "cars");
}

TEST(SuggestTest, SentenceForTheEndOfAnError) {
  EXPECT_EQ(did_you_mean("servce_kill", kFaults), " (did you mean \"service_kill\"?)");
  EXPECT_EQ(did_you_mean("zzzzzz", {"one", "two"}), " (known: one, two)");
  EXPECT_EQ(did_you_mean("zzzzzz", {}), "");
}

}  // namespace
}  // namespace stormlog
