#include "chaos/ledger/reconciliation_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace stormlog::chaos {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Reconciliation sample() {
  Reconciliation result;
  result.complete = true;
  result.sent = 10;
  result.acked = 9;
  result.indeterminate = 1;
  result.delivered = 3;
  result.lost = 6;
  result.stored_unacked = 1;
  for (std::uint64_t i = 0; i < result.lost; ++i) {
    result.lost_events.push_back(
        {"id-" + std::to_string(i), "k1", i, std::chrono::milliseconds{1500}, "logs"});
  }
  Reconciliation::Window window;
  window.name = "service_kill x";
  window.from = std::chrono::seconds{1};
  window.to = Nanoseconds::max();
  window.lost = 6;
  result.windows.push_back(window);
  return result;
}

TEST(ReconciliationText, TellsCountsWindowsAndTheFirstFew) {
  const std::string text = to_text(sample());
  EXPECT_THAT(text, HasSubstr("10: 9 acked, 0 rejected, 1 indeterminate, 0 unsent"));
  EXPECT_THAT(text, HasSubstr("3 delivered, 0 dead-lettered, 6 lost, 0 duplicated, order not"));
  EXPECT_THAT(text, HasSubstr("1 indeterminate, and stored"));
  EXPECT_THAT(text, HasSubstr("id-0 k1 seq 0, sent at 1.500 s, missing from logs"));
  EXPECT_THAT(text, Not(HasSubstr("id-5")));
  EXPECT_THAT(text, HasSubstr("and 1 more"));
  EXPECT_THAT(text, HasSubstr("service_kill x"));
  EXPECT_THAT(text, Not(HasSubstr("not in the ledger")));
}

TEST(ReconciliationText, SaysSoWhenTheSinksWereNotRead) {
  Reconciliation result;
  result.sent = result.acked = 5;
  EXPECT_THAT(to_text(result), HasSubstr("not known"));
  result.lost = 5;  // read, but not drained
  EXPECT_THAT(to_text(result), HasSubstr("5 lost"));
}

TEST(ReconciliationText, JsonHasAllOfIt) {
  Reconciliation result = sample();
  nlohmann::ordered_json json = to_json(result);
  EXPECT_EQ(json["complete"], true);
  EXPECT_FALSE(json.contains("why_incomplete"));
  EXPECT_EQ(json["lost"], 6);
  EXPECT_EQ(json["lost_events"].size(), 6U);
  EXPECT_EQ(json["lost_events"][1]["id"], "id-1");
  EXPECT_EQ(json["lost_events"][1]["sent_ms"], 1500.0);
  EXPECT_EQ(json["lost_events"][1]["where"], "logs");
  EXPECT_EQ(json["windows"][0]["from_ms"], 1000.0);
  EXPECT_FALSE(json["windows"][0].contains("to_ms"));

  result.complete = false;
  result.why_incomplete = "no answer";
  json = to_json(result);
  EXPECT_EQ(json["why_incomplete"], "no answer");
}

}  // namespace
}  // namespace stormlog::chaos
