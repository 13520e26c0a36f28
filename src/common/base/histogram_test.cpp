#include "common/base/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/base/random.hpp"

namespace stormlog {
namespace {

constexpr std::int64_t kLargest = (std::int64_t{1} << 42) - 1;

// The value at a rank in a sorted vector: what the histogram approximates.
std::int64_t exact_quantile(const std::vector<std::int64_t>& sorted, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

void expect_matches(const Histogram& histogram, std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  ASSERT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.min().count(), values.front());
  EXPECT_EQ(histogram.max().count(), values.back());
  for (const double q : {0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    const std::int64_t exact = exact_quantile(values, q);
    const std::int64_t got = histogram.quantile(q).count();
    EXPECT_GE(got, exact) << "q " << q;
    EXPECT_LE(got, exact + exact / 128) << "q " << q;
  }
  double sum = 0;
  for (const auto value : values) sum += static_cast<double>(value);
  EXPECT_NEAR(static_cast<double>(histogram.mean().count()),
              sum / static_cast<double>(values.size()),
              1.0 + sum / static_cast<double>(values.size()) * 1e-9);
}

TEST(HistogramTest, EmptyGivesZero) {
  const Histogram histogram;
  EXPECT_TRUE(histogram.empty());
  EXPECT_EQ(histogram.quantile(0.5).count(), 0);
  EXPECT_EQ(histogram.min().count(), 0);
  EXPECT_EQ(histogram.max().count(), 0);
  EXPECT_EQ(histogram.mean().count(), 0);
}

TEST(HistogramTest, QuantilesMatchASortedVector) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Histogram histogram;
    std::vector<std::int64_t> values;
    const std::uint64_t count = 1 + random.below(2'000);
    for (std::uint64_t i = 0; i < count; ++i) {
      // All magnitudes alike, so that every bucket width is met.
      const std::uint64_t bits = random.below(43);
      const auto value = static_cast<std::int64_t>(random.below(std::uint64_t{1} << bits));
      values.push_back(value);
      histogram.record(Nanoseconds{value});
    }
    expect_matches(histogram, values);
  }
}

TEST(HistogramTest, EveryPowerOfTwoAndItsNeighboursStayWithinTheError) {
  for (int bit = 0; bit <= 42; ++bit) {
    for (std::int64_t offset = -1; offset <= 1; ++offset) {
      const std::int64_t value = (std::int64_t{1} << bit) + offset;
      if (value > kLargest) continue;
      Histogram histogram;
      histogram.record(Nanoseconds{value});
      histogram.record(Nanoseconds{kLargest});  // keeps max() from hiding the bucket's bound
      const std::int64_t got = histogram.quantile(0.5).count();
      EXPECT_GE(got, value);
      EXPECT_LE(got, value + value / 128);
    }
  }
}

TEST(HistogramTest, MergeEqualsRecordingAllInOne) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<Histogram> parts(3);
    std::vector<std::int64_t> values;
    for (int i = 0; i < 500; ++i) {
      const auto value = static_cast<std::int64_t>(random.below(10'000'000'000));
      values.push_back(value);
      parts[random.below(3)].record(Nanoseconds{value});
    }
    Histogram merged;
    for (const auto& part : parts) merged.merge(part);
    expect_matches(merged, values);
  }
}

TEST(HistogramTest, CountWeighsAValue) {
  Histogram histogram;
  histogram.record(Nanoseconds{10}, 99);
  histogram.record(Nanoseconds{1'000'000}, 1);
  histogram.record(Nanoseconds{5}, 0);
  EXPECT_EQ(histogram.count(), 100U);
  EXPECT_EQ(histogram.min().count(), 10);
  EXPECT_EQ(histogram.quantile(0.99).count(), 10);
  EXPECT_EQ(histogram.quantile(1).count(), 1'000'000);
}

TEST(HistogramTest, OutOfRangeValuesCountAtTheEdges) {
  Histogram histogram;
  histogram.record(Nanoseconds{-5});
  histogram.record(Nanoseconds{std::int64_t{1} << 60});
  EXPECT_EQ(histogram.min().count(), 0);
  EXPECT_EQ(histogram.max().count(), kLargest);
  EXPECT_EQ(histogram.quantile(-1).count(), 0);
  EXPECT_EQ(histogram.quantile(2).count(), kLargest);
}

TEST(HistogramTest, ResetForgetsAll) {
  Histogram histogram;
  histogram.record(Nanoseconds{7});
  histogram.reset();
  EXPECT_TRUE(histogram.empty());
  histogram.record(Nanoseconds{9});
  EXPECT_EQ(histogram.min().count(), 9);
}

}  // namespace
}  // namespace stormlog
