#pragma once

#include <cstdint>

#include "common/base/clock.hpp"

namespace stormlog::chaos {

// When each request of an open loop is due: a constant rate that knows nothing of the answers.
// Computed from the request's number, so that no error adds up.
class Schedule {
 public:
  // `rate` > 0 in events a second, `batch` events in one request.
  Schedule(double rate, int batch) : seconds_per_request_(static_cast<double>(batch) / rate) {}

  // Of request `n` (from 0), as offset from the first one.
  Nanoseconds due(std::uint64_t n) const {
    return Nanoseconds{
        static_cast<Nanoseconds::rep>(static_cast<double>(n) * seconds_per_request_ * 1e9)};
  }

 private:
  double seconds_per_request_;
};

}  // namespace stormlog::chaos
