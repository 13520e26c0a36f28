#include "resilience/half_open_leases.hpp"

#include <algorithm>

namespace stormlog::resilience {

std::uint64_t HalfOpenLeases::grant(MonotonicTime now) {
  leases_.push_back({next_, now});
  return next_++;
}

bool HalfOpenLeases::release(std::uint64_t ticket) {
  const auto found = std::lower_bound(
      leases_.begin(), leases_.end(), ticket,
      [](const Lease& lease, std::uint64_t wanted) { return lease.ticket < wanted; });
  if (found == leases_.end() || found->ticket != ticket) return false;
  leases_.erase(found);
  return true;
}

void HalfOpenLeases::reclaim(MonotonicTime granted) {
  std::erase_if(leases_, [granted](const Lease& lease) { return lease.granted <= granted; });
}

MonotonicTime HalfOpenLeases::oldest() const {
  // Threads read the clock before they take the lock: tickets ascend, times do so only nearly.
  return std::min_element(leases_.begin(), leases_.end(),
                          [](const Lease& a, const Lease& b) { return a.granted < b.granted; })
      ->granted;
}

}  // namespace stormlog::resilience
