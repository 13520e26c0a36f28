#include "chaos/load/response.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::chaos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Judgement judge(int status, const std::string& body, std::uint32_t events = 3) {
  SendSpec send;
  send.rejected_list = "/errors";
  return ResponseJudge(send).judge(status, body, events);
}

TEST(ResponseJudge, SortsStatusCodes) {
  for (const int status : {200, 202, 204}) {
    EXPECT_EQ(judge(status, "{}").outcome, Outcome::acked) << status;
  }
  for (const int status : {301, 307, 400, 404, 413, 429}) {
    EXPECT_EQ(judge(status, "{}").outcome, Outcome::rejected) << status;
  }
  for (const int status : {500, 503, 504}) {
    EXPECT_EQ(judge(status, "{}").outcome, Outcome::indeterminate) << status;
  }
  EXPECT_EQ(judge(503, "").error, "status 503");
}

TEST(ResponseJudge, ReadsWhichEventsWereRefused) {
  const Judgement some = judge(202, R"({"errors":[{"index":2,"why":"x"},{"index":0}]})");
  EXPECT_EQ(some.outcome, Outcome::acked);
  EXPECT_THAT(some.refused, ElementsAre(0, 2));
  EXPECT_THAT(judge(202, R"({"errors":[1]})").refused, ElementsAre(1));
  EXPECT_THAT(judge(202, R"({"errors":[]})").refused, IsEmpty());
  EXPECT_THAT(judge(202, R"({"accepted":3})").refused, IsEmpty());
  EXPECT_THAT(judge(202, R"({"errors":null})").refused, IsEmpty());
  EXPECT_EQ(judge(204, "").outcome, Outcome::acked);
}

TEST(ResponseJudge, AllRefusedIsRejected) {
  EXPECT_EQ(judge(202, R"({"errors":[{"index":0},{"index":1},{"index":1}]})", 2).outcome,
            Outcome::rejected);
}

TEST(ResponseJudge, AnUnreadableListLeavesTheOutcomeOpen) {
  for (const char* body :
       {"OK", R"({"errors":[{"index":3}]})", R"({"errors":[{"at":0}]})",
        R"({"errors":{"index":0}})", R"({"errors":[{"index":-1}]})", R"({"errors":[{"ind)"}) {
    const Judgement judgement = judge(202, body);
    EXPECT_EQ(judgement.outcome, Outcome::indeterminate) << body;
    EXPECT_THAT(judgement.refused, IsEmpty()) << body;
  }
}

TEST(ResponseJudge, WithoutAListA2xxAcceptsAll) {
  EXPECT_EQ(ResponseJudge(SendSpec{}).judge(200, "OK", 1).outcome, Outcome::acked);
}

}  // namespace
}  // namespace stormlog::chaos
