#include "resilience/success_stripes.hpp"

#include <algorithm>

namespace stormlog::resilience {
namespace {

constexpr int kNanosecondBits = 32;
constexpr int kCallBits = 12;
constexpr std::uint64_t kNanosecondMask = (std::uint64_t{1} << kNanosecondBits) - 1;
constexpr std::uint64_t kCallMask = (std::uint64_t{1} << kCallBits) - 1;
constexpr int kTagShift = kNanosecondBits + kCallBits;

}  // namespace

unsigned thread_ordinal() {
  static std::atomic<unsigned> threads{0};
  static thread_local constinit unsigned mine = 0;  // 0: none yet
  if (mine == 0) mine = threads.fetch_add(1, std::memory_order_relaxed) + 1;
  return mine;
}

bool SuccessStripes::add(std::uint64_t generation, Nanoseconds duration) {
  const auto nanoseconds = static_cast<std::uint64_t>(duration.count());
  if (nanoseconds > kNanosecondMask) return false;
  // The word has room for 20 bits of the generation. A thread would have to sleep between this load
  // and the swap through exactly 2^20 state changes to be mistaken.
  const std::uint64_t tag = generation << kTagShift;
  Stripe& stripe = stripes_[thread_ordinal() % kStripes];
  std::uint64_t seen = stripe.pending.load(std::memory_order_relaxed);
  do {
    if ((seen >> kTagShift) != (tag >> kTagShift)) return false;
    if (((seen >> kNanosecondBits) & kCallMask) == kCallMask) return false;
    if ((seen & kNanosecondMask) + nanoseconds > kNanosecondMask) return false;
  } while (!stripe.pending.compare_exchange_weak(
      seen, seen + (std::uint64_t{1} << kNanosecondBits) + nanoseconds, std::memory_order_relaxed));
  std::int64_t longest = stripe.max.load(std::memory_order_relaxed);
  while (longest < duration.count() &&
         !stripe.max.compare_exchange_weak(longest, duration.count(), std::memory_order_relaxed)) {
  }
  return true;
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
