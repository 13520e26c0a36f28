#pragma once

#include <cstdint>
#include <vector>

#include "common/base/clock.hpp"

namespace stormlog {

// Counts durations in log-linear buckets: 0 ns to 2^42 ns (73 min) with a relative error of at most
// 1/128; larger values count as the largest. 37 KB, no allocation after construction.
//
// Threads: caller synchronises; give each thread its own and merge().
// Source:  the bucket layout of HdrHistogram (hdrhistogram.org).
class Histogram {
 public:
  Histogram();

  void record(Nanoseconds value, std::uint64_t count = 1);
  void merge(const Histogram& other);
  void reset();

  std::uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // The smallest recorded bound below or at which `quantile` (0 to 1) of all values lie. The value
  // returned is never below the true one and at most 1/128 above it. 0 when empty.
  Nanoseconds quantile(double quantile) const;
  Nanoseconds min() const { return count_ == 0 ? Nanoseconds{0} : Nanoseconds{min_}; }
  Nanoseconds max() const { return Nanoseconds{max_}; }
  Nanoseconds mean() const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
  std::int64_t min_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace stormlog
