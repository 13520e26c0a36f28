#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "common/base/clock.hpp"

namespace stormlog::pipeline {

// How many clients wait for an answer, and whether these are all that will. A client that waits
// sends nothing more, so when as many wait as have lately waited at once, all are there.
//
// Threads: caller synchronises.
class Crowd {
 public:
  // A request waits for its answer, and does no more.
  void began(MonotonicTime now) {
    ++waiting_;
    const Nanoseconds age = now - since_;
    if (age >= kLately) {
      before_ = age < 2 * kLately ? most_ : 0;
      most_ = 0;
      since_ = now;
    }
    most_ = std::max(most_, waiting_);
  }
  void ended() { --waiting_; }

  bool all_there() const { return waiting_ >= std::max(most_, before_); }

 private:
  static constexpr std::chrono::milliseconds kLately{100};  // to 200

  std::size_t waiting_ = 0;
  std::size_t most_ = 0;    // that waited at once since `since_`
  std::size_t before_ = 0;  // the same of the time before
  MonotonicTime since_{};
};

}  // namespace stormlog::pipeline
