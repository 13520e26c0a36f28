#include <cmath>

#include "proxy/toxic/stage_test_support.hpp"

namespace stormlog::proxy {
namespace {

// The delays, in ms, that a latency toxic gives to `count` chunks, each alone on its way.
std::vector<double> delays(const StageDriver::Values& values, int count, std::uint64_t seed = 7) {
  StageDriver latency("latency", values, seed);
  std::vector<double> all;
  for (int i = 0; i < count; ++i) {
    const Nanoseconds begin = latency.out.now - latency.out.start;
    latency.push("x");
    latency.run_until(begin + std::chrono::seconds(100));
    all.push_back(static_cast<double>((latency.out.seen.back().at - begin).count()) / 1e6);
  }
  return all;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  const double middle = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - middle) * (value - middle);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

StageDriver::Values spread(const std::string& distribution, double correlation = 0) {
  return {{"latency", whole(100)},
          {"jitter", whole(20)},
          {"distribution", distribution},
          {"correlation", correlation}};
}

TEST(LatencyDistribution, Uniform) {
  const auto all = delays(spread("uniform"), 20'000);
  EXPECT_NEAR(mean(all), 100, 0.5);
  EXPECT_NEAR(deviation(all), 20 / std::sqrt(3.0), 0.3);
  EXPECT_GE(*std::min_element(all.begin(), all.end()), 80);
  EXPECT_LT(*std::max_element(all.begin(), all.end()), 120);
}

TEST(LatencyDistribution, Normal) {
  const auto all = delays(spread("normal"), 20'000);
  EXPECT_NEAR(mean(all), 100, 0.6);
  EXPECT_NEAR(deviation(all), 20, 0.5);
  const auto beyond = std::count_if(all.begin(), all.end(), [](double d) { return d > 140; });
  EXPECT_NEAR(static_cast<double>(beyond) / 20'000, 0.02275, 0.005);  // two standard deviations
}

TEST(LatencyDistribution, ParetoHasAFloorAndATail) {
  const auto all = delays(spread("pareto"), 20'000);
  EXPECT_GE(*std::min_element(all.begin(), all.end()), 100);
  EXPECT_NEAR(mean(all), 110, 1);  // a Pareto of shape 3 has mean 1.5, less its floor 1
  EXPECT_GT(*std::max_element(all.begin(), all.end()), 200);
  EXPECT_LE(*std::max_element(all.begin(), all.end()), 500);
}

TEST(LatencyDistribution, SpikesHitOneInTwenty) {
  const auto all = delays(spread("spike"), 20'000);
  const auto hit = std::count(all.begin(), all.end(), 120.0);
  EXPECT_NEAR(static_cast<double>(hit) / 20'000, 0.05, 0.006);
  EXPECT_EQ(hit + std::count(all.begin(), all.end(), 100.0), 20'000);
}

TEST(LatencyDistribution, CorrelationMakesNeighboursAlike) {
  const auto alike = [](const std::vector<double>& all) {
    int same = 0;
    for (std::size_t i = 1; i < all.size(); ++i) same += all[i] == all[i - 1];
    return static_cast<double>(same) / static_cast<double>(all.size());
  };
  const auto all = delays(spread("uniform", 0.9), 20'000);
  EXPECT_NEAR(alike(all), 0.9, 0.02);
  EXPECT_NEAR(mean(all), 100, 2);  // the share of each value stays
  EXPECT_LT(alike(delays(spread("uniform"), 20'000)), 0.01);
}

TEST(LatencyDistribution, TheSameSeedGivesTheSameDelays) {
  EXPECT_EQ(delays(spread("normal"), 100, 3), delays(spread("normal"), 100, 3));
  EXPECT_NE(delays(spread("normal"), 100, 3), delays(spread("normal"), 100, 4));
}

TEST(LossToxic, StallsByRetransmissionTimeouts) {
  StageDriver loss("loss", {{"probability", 0.1}, {"rto", whole(200)}});
  int stalled = 0;
  int twice = 0;
  constexpr int kChunks = 20'000;
  for (int i = 0; i < kChunks; ++i) {
    const Nanoseconds begin = loss.out.now - loss.out.start;
    loss.push("x");
    loss.run_until(begin + std::chrono::hours(1));
    const Nanoseconds waited = loss.out.seen.back().at - begin;
    stalled += waited >= milliseconds(200);
    twice += waited >= milliseconds(600);  // 200 and, lost again, 400
    EXPECT_TRUE(waited == Nanoseconds{0} || waited >= milliseconds(200));
  }
  EXPECT_NEAR(static_cast<double>(stalled) / kChunks, 0.1, 0.01);
  EXPECT_NEAR(static_cast<double>(twice) / kChunks, 0.01, 0.003);
  EXPECT_EQ(loss.out.bytes().size(), std::size_t{kChunks});
}

TEST(LossToxic, WhatFollowsWaitsBehindTheLostSegment) {
  StageDriver loss("loss", {{"probability", 1.0}, {"rto", whole(1)}});
  loss.push("a");
  loss.update({{"probability", 0.0}});
  loss.push("b");
  loss.end();
  loss.run_until(std::chrono::hours(1));
  ASSERT_EQ(loss.out.seen.size(), 2U);
  EXPECT_EQ(loss.out.seen[0].at, milliseconds(1'023));  // ten losses: 1 + 2 + … + 512
  EXPECT_EQ(loss.out.seen[1].at, milliseconds(1'023));
  EXPECT_EQ(loss.out.bytes(), "ab");
}

TEST(LossToxic, ABigChunkCountsItsSegments) {
  StageDriver loss("loss", {{"probability", 0.01}});
  int stalled = 0;
  for (int i = 0; i < 2'000; ++i) {
    const Nanoseconds begin = loss.out.now - loss.out.start;
    loss.push(std::string(14'480, 'x'));
    loss.run_until(begin + std::chrono::hours(1));
    stalled += loss.out.seen.back().at > begin;
  }
  EXPECT_NEAR(stalled / 2'000.0, 1 - std::pow(0.99, 10), 0.025);
}

int bits_that_differ(const std::string& left, const std::string& right) {
  int bits = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    bits += __builtin_popcount(static_cast<unsigned char>(left[i] ^ right[i]));
  }
  return bits;
}

TEST(CorruptToxic, FlipsOneBitOfEachSegmentThatIsHit) {
  StageDriver corrupt("corrupt", {{"probability", 1.0}});
  const std::string bytes(10 * 1448 + 1, 'x');
  corrupt.push(bytes);
  ASSERT_EQ(corrupt.out.bytes().size(), bytes.size());
  EXPECT_EQ(bits_that_differ(bytes, corrupt.out.bytes()), 11);
}

TEST(CorruptToxic, HitsItsShare) {
  StageDriver corrupt("corrupt", {{"probability", 0.2}});
  const std::string bytes(10'000 * 1448, 'x');
  corrupt.push(bytes);
  EXPECT_NEAR(bits_that_differ(bytes, corrupt.out.bytes()) / 10'000.0, 0.2, 0.02);
}

TEST(CorruptToxic, LeavesOtherHoldersOfTheBytesAlone) {
  StageDriver corrupt("corrupt", {{"probability", 1.0}});
  const ByteSlice mine = ByteSlice::copy_of("abcdef");
  ByteSlice shared = mine;
  corrupt.stage().push({std::move(shared), corrupt.out.now}, corrupt.out.now, corrupt.out);
  EXPECT_EQ(mine.view(), "abcdef");
  EXPECT_NE(corrupt.out.bytes(), "abcdef");
}

}  // namespace
}  // namespace stormlog::proxy
