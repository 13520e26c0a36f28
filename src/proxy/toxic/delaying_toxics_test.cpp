#include "proxy/toxic/stage_test_support.hpp"

namespace stormlog::proxy {
namespace {

TEST(LatencyToxic, DelaysEachChunkFromItsArrival) {
  StageDriver latency("latency", {{"latency", whole(50)}});
  latency.push("a");
  latency.run_until(milliseconds(20));
  latency.push("b");
  latency.end();
  latency.run_until(milliseconds(49));
  EXPECT_TRUE(latency.out.seen.empty());
  EXPECT_EQ(latency.stage().held(), 2U);
  latency.run_until(milliseconds(1'000));
  ASSERT_EQ(latency.out.seen.size(), 2U);
  EXPECT_EQ(latency.out.seen[0].at, milliseconds(50));
  EXPECT_EQ(latency.out.seen[1].at, milliseconds(70));
  EXPECT_EQ(latency.out.ended, milliseconds(70));
  EXPECT_EQ(latency.stage().held(), 0U);
}

TEST(LatencyToxic, AnUpdateCountsForWhatIsOnItsWay) {
  StageDriver latency("latency", {{"latency", whole(1'000)}});
  latency.push("a");
  latency.run_until(milliseconds(10));
  latency.update({{"latency", whole(30)}});
  latency.run_until(milliseconds(500));
  ASSERT_EQ(latency.out.seen.size(), 1U);
  EXPECT_EQ(latency.out.seen[0].at, milliseconds(30));
}

TEST(LatencyToxic, RemovalReleasesAtOnceAndInOrder) {
  StageDriver latency("latency", {{"latency", whole(10'000)}, {"jitter", whole(5'000)}});
  for (const char* bytes : {"a", "b", "c"}) latency.push(bytes);
  latency.end();
  latency.run_until(milliseconds(5));
  latency.remove();
  EXPECT_EQ(latency.out.bytes(), "abc");
  EXPECT_EQ(latency.out.ended, milliseconds(5));
}

TEST(LatencyToxic, CountsTheBytes) {
  StageDriver latency("latency", {{"latency", whole(1)}, {"per_kilobyte", 500.0}});
  latency.push(std::string(4'000, 'x'));
  latency.run_until(milliseconds(100));
  EXPECT_EQ(latency.out.seen.at(0).at, milliseconds(3));
}

TEST(BandwidthToxic, KeepsTheRateToTheByte) {
  StageDriver bandwidth("bandwidth", {{"rate", whole(100)}});
  bandwidth.push(std::string(50'000, 'x'));
  bandwidth.end();
  bandwidth.run_until(milliseconds(250));
  EXPECT_EQ(bandwidth.out.bytes().size(), 25'000U);
  bandwidth.run_until(milliseconds(10'000));
  EXPECT_EQ(bandwidth.out.bytes().size(), 50'000U);
  EXPECT_EQ(bandwidth.out.ended, milliseconds(500));
}

TEST(BandwidthToxic, AnIdleLineSavesNothingUp) {
  StageDriver bandwidth("bandwidth", {{"rate", whole(10)}});
  bandwidth.run_until(milliseconds(5'000));
  bandwidth.push(std::string(1'000, 'x'));
  bandwidth.run_until(milliseconds(5'050));
  EXPECT_EQ(bandwidth.out.bytes().size(), 500U);
}

TEST(BandwidthToxic, ZeroStallsUntilItIsRaised) {
  StageDriver bandwidth("bandwidth", {{"rate", whole(0)}});
  bandwidth.push(std::string(1'000, 'x'));
  bandwidth.run_until(milliseconds(60'000));
  EXPECT_TRUE(bandwidth.out.seen.empty());
  bandwidth.update({{"rate", whole(100)}});
  bandwidth.run_until(milliseconds(60'010));
  EXPECT_EQ(bandwidth.out.bytes().size(), 1'000U);
}

TEST(BandwidthToxic, LateTimersDoNotAddUp) {
  StageDriver bandwidth("bandwidth", {{"rate", whole(1'000)}});
  bandwidth.push(std::string(5'000'000, 'x'));
  for (int i = 1; i <= 100; ++i) {  // woken every 7 ms instead of every 5
    bandwidth.out.now = bandwidth.out.start + milliseconds(7 * i);
    bandwidth.stage().wake(bandwidth.out.now, bandwidth.out);
  }
  EXPECT_EQ(bandwidth.out.bytes().size(), 700'000U);
}

TEST(BandwidthToxic, AsksForNoMoreThanItNeeds) {
  StageDriver bandwidth("bandwidth", {{"rate", whole(10)}});
  EXPECT_TRUE(bandwidth.stage().accepts());
  bandwidth.push(std::string(64 * 1024 + 100, 'x'));
  EXPECT_FALSE(bandwidth.stage().accepts());
  bandwidth.run_until(milliseconds(100));
  EXPECT_TRUE(bandwidth.stage().accepts());
}

TEST(SlicerToxic, CutsWithinItsVariationAndPauses) {
  StageDriver slicer(
      "slicer",
      {{"average_size", whole(10)}, {"size_variation", whole(3)}, {"delay", whole(2'000)}});
  slicer.push(std::string(1'000, 'x'));
  slicer.end();
  slicer.run_until(milliseconds(100'000));
  const auto& seen = slicer.out.seen;
  std::size_t least = 100;
  std::size_t most = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].at, milliseconds(2) * i);
    if (i + 1 == seen.size()) break;  // the rest may be smaller
    least = std::min(least, seen[i].bytes.size());
    most = std::max(most, seen[i].bytes.size());
  }
  EXPECT_EQ(least, 7U);
  EXPECT_EQ(most, 13U);
  EXPECT_EQ(slicer.out.bytes().size(), 1'000U);
  EXPECT_TRUE(slicer.out.ended);
}

TEST(SlowCloseToxic, DelaysTheEndAlone) {
  StageDriver slow("slow_close", {{"delay", whole(100)}});
  slow.push("a");
  EXPECT_EQ(slow.out.bytes(), "a");
  slow.run_until(milliseconds(10));
  slow.end();
  slow.run_until(milliseconds(109));
  EXPECT_FALSE(slow.out.ended);
  slow.run_until(milliseconds(200));
  EXPECT_EQ(slow.out.ended, milliseconds(110));
}

TEST(SlowCloseToxic, RemovalEndsAtOnce) {
  StageDriver slow("slow_close", {{"delay", whole(10'000)}});
  slow.remove();
  EXPECT_FALSE(slow.out.ended);
  slow.end();
  slow.remove();
  EXPECT_EQ(slow.out.ended, milliseconds(0));
}

}  // namespace
}  // namespace stormlog::proxy
