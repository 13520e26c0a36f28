#pragma once

#include "common/base/random.hpp"

namespace stormlog::proxy {

// Uniform draws of which each may resemble the one before: with correlation 0 they are independent,
// with 1 all are the same. The share that any value has stays uniform, whatever the correlation, so
// that a chance of 1 % remains 1 % and only comes in bursts: with probability `correlation` the
// last draw is drawn again.
//
// Threads: caller synchronises.
class Correlated {
 public:
  explicit Correlated(Random random) : random_(random) {}

  double next(double correlation) {
    if (!any_ || !(correlation > 0 && random_.chance(correlation))) last_ = random_.uniform();
    any_ = true;
    return last_;
  }

 private:
  Random random_;
  double last_ = 0;
  bool any_ = false;
};

}  // namespace stormlog::proxy
