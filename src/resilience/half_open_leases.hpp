#pragma once

#include <cstdint>
#include <vector>

#include "common/base/clock.hpp"

namespace stormlog::resilience {

// The half-open permits that are out. A permit that does not come back within its lease is taken
// back, so that a call that never ends cannot hold the breaker in half-open; should it end after
// all, its ticket is void.
//
// Threads: caller synchronises.
class HalfOpenLeases {
 public:
  std::uint64_t grant(MonotonicTime now);
  // False when the lease was over.
  bool release(std::uint64_t ticket);
  // Takes back those that were granted at `granted` or before.
  void reclaim(MonotonicTime granted);
  void clear() { leases_.clear(); }

  int out() const { return static_cast<int>(leases_.size()); }
  // When the oldest was granted; there must be one.
  MonotonicTime oldest() const;

 private:
  struct Lease {
    std::uint64_t ticket;
    MonotonicTime granted;
  };
  std::vector<Lease> leases_;  // tickets ascend
  std::uint64_t next_ = 1;     // never reused, not even by clear()
};

}  // namespace stormlog::resilience
