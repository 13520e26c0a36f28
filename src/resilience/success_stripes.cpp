#include "resilience/success_stripes.hpp"

#include <algorithm>

namespace stormlog::resilience {
void SuccessStripes::raise_max(Stripe& stripe, Nanoseconds duration) {
  std::int64_t longest = stripe.max.load(std::memory_order_relaxed);
  while (longest < duration.count() &&
         !stripe.max.compare_exchange_weak(longest, duration.count(), std::memory_order_relaxed)) {
  }
}

SuccessStripes::Taken SuccessStripes::take(std::uint64_t generation) {
  Taken taken;
  const std::uint64_t empty = generation << kTagShift;
  for (Stripe& stripe : stripes_) {
    // Mostly nothing is there, and reading leaves the line with its thread.
    if (stripe.pending.load(std::memory_order_relaxed) == empty) continue;
    const std::uint64_t pending = stripe.pending.exchange(empty, std::memory_order_relaxed);
    taken.calls += (pending >> kNanosecondBits) & kCallMask;
    taken.nanoseconds += pending & kNanosecondMask;
  }
  return taken;
}

Nanoseconds SuccessStripes::take_max() {
  std::int64_t longest = 0;
  for (Stripe& stripe : stripes_) {
    longest = std::max(longest, stripe.max.exchange(0, std::memory_order_relaxed));
  }
  return Nanoseconds{longest};
}

std::uint64_t SuccessStripes::rejections() const {
  std::uint64_t sum = 0;
  for (const Stripe& stripe : stripes_) sum += stripe.rejected.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace stormlog::resilience
