#include "proxy/toxic/stage_test_support.hpp"

namespace stormlog::proxy {
namespace {

TEST(TimeoutToxic, DropsAndClosesAfterAQuietTime) {
  StageDriver timeout("timeout", {{"timeout", whole(100)}});
  timeout.run_until(milliseconds(80));
  timeout.push("dropped");
  timeout.run_until(milliseconds(150));
  EXPECT_FALSE(timeout.out.closed);
  timeout.run_until(milliseconds(1'000));
  EXPECT_EQ(timeout.out.closed, milliseconds(180));
  EXPECT_TRUE(timeout.out.seen.empty());
}

TEST(TimeoutToxic, ZeroNeverCloses) {
  StageDriver timeout("timeout");
  timeout.push("dropped");
  timeout.run_until(std::chrono::hours(1));
  EXPECT_FALSE(timeout.out.closed);
  timeout.remove();
  EXPECT_TRUE(timeout.out.closed);
}

TEST(TimeoutToxic, AnUpdateStartsItAnew) {
  StageDriver timeout("timeout");
  timeout.run_until(milliseconds(500));
  timeout.update({{"timeout", whole(100)}});
  timeout.run_until(milliseconds(1'000));
  EXPECT_EQ(timeout.out.closed, milliseconds(600));
}

TEST(ResetPeerToxic, WaitsForDataThenResets) {
  StageDriver reset("reset_peer", {{"timeout", whole(50)}});
  reset.run_until(milliseconds(1'000));
  EXPECT_FALSE(reset.out.was_reset);
  reset.push("swallowed");
  reset.run_until(milliseconds(1'030));
  reset.push("this too");
  reset.run_until(milliseconds(2'000));
  EXPECT_EQ(reset.out.was_reset, milliseconds(1'050));
  EXPECT_TRUE(reset.out.seen.empty());
}

TEST(ResetPeerToxic, TheEndArmsItToo) {
  StageDriver reset("reset_peer");
  reset.end();
  EXPECT_EQ(reset.out.was_reset, milliseconds(0));
  EXPECT_FALSE(reset.out.ended);
}

TEST(ResetPeerToxic, RemovalResetsOnlyWhatLostBytes) {
  StageDriver untouched("reset_peer", {{"timeout", whole(50)}});
  untouched.remove();
  EXPECT_FALSE(untouched.out.over());
  StageDriver robbed("reset_peer", {{"timeout", whole(50)}});
  robbed.push("swallowed");
  robbed.remove();
  EXPECT_TRUE(robbed.out.was_reset);
}

TEST(LimitDataToxic, ClosesExactlyAtTheLimit) {
  StageDriver limit("limit_data", {{"bytes", whole(5)}});
  limit.push("abc");
  EXPECT_FALSE(limit.out.closed);
  limit.push("defg");
  EXPECT_EQ(limit.out.bytes(), "abcde");
  EXPECT_TRUE(limit.out.closed);
}

TEST(LimitDataToxic, TheCountSurvivesUpdates) {
  StageDriver limit("limit_data", {{"bytes", whole(100)}});
  limit.push("abcd");
  limit.update({{"bytes", whole(6)}});
  limit.push("efgh");
  EXPECT_EQ(limit.out.bytes(), "abcdef");
  EXPECT_TRUE(limit.out.closed);
}

TEST(LimitDataToxic, ALimitAlreadyPassedClosesAtTheNextByte) {
  StageDriver limit("limit_data", {{"bytes", whole(100)}});
  limit.push("abcd");
  limit.update({{"bytes", whole(2)}});
  EXPECT_FALSE(limit.out.closed);
  limit.push("e");
  EXPECT_EQ(limit.out.bytes(), "abcd");
  EXPECT_TRUE(limit.out.closed);
}

}  // namespace
}  // namespace stormlog::proxy
