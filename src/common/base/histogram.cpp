#include "common/base/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace stormlog {
namespace {

// Values under 2^7 have a bucket each; every further power of two is cut into 2^7 buckets.
constexpr unsigned kSubBits = 7;
constexpr unsigned kMaxBits = 42;
constexpr std::size_t kSub = 1U << kSubBits;
constexpr std::size_t kBuckets = kSub * static_cast<std::size_t>(kMaxBits - kSubBits + 1);
constexpr std::int64_t kMaxValue = (std::int64_t{1} << kMaxBits) - 1;

std::size_t bucket_of(std::int64_t value) {
  const auto v = static_cast<std::uint64_t>(value);
  if (v < kSub) return static_cast<std::size_t>(v);
  const auto exponent = static_cast<unsigned>(std::bit_width(v)) - 1 - kSubBits;
  return static_cast<std::size_t>(exponent) * kSub + static_cast<std::size_t>(v >> exponent);
}

std::int64_t upper_bound_of(std::size_t bucket) {
  if (bucket < 2 * kSub) return static_cast<std::int64_t>(bucket);
  const std::size_t exponent = bucket / kSub - 1;
  const std::size_t mantissa = bucket - exponent * kSub;
  return static_cast<std::int64_t>(((mantissa + 1) << exponent) - 1);
}

}  // namespace

Histogram::Histogram() : buckets_(kBuckets, 0) {}

void Histogram::record(Nanoseconds value, std::uint64_t count) {
  if (count == 0) return;
  const std::int64_t v = std::clamp<std::int64_t>(value.count(), 0, kMaxValue);
  buckets_[bucket_of(v)] += count;
  min_ = count_ == 0 ? v : std::min(min_, v);
  max_ = std::max(max_, v);
  count_ += count;
  sum_ += static_cast<double>(v) * static_cast<double>(count);
}

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) return;
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  count_ += other.count_;
  sum_ += other.sum_;
}

void Histogram::reset() {
  *this = Histogram();
}

Nanoseconds Histogram::quantile(double quantile) const {
  if (count_ == 0) return Nanoseconds{0};
  const double clamped = std::clamp(quantile, 0.0, 1.0);
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(clamped * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return Nanoseconds{std::clamp(upper_bound_of(i), min_, max_)};
  }
  return max();
}

Nanoseconds Histogram::mean() const {
  if (count_ == 0) return Nanoseconds{0};
  return Nanoseconds{static_cast<std::int64_t>(sum_ / static_cast<double>(count_))};
}

}  // namespace stormlog
