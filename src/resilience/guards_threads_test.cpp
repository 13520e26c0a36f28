// What several threads at once must not break in the guards other than the breaker. Meant above all
// for ThreadSanitizer; the counts are exact where nothing depends on the threads' timing.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "common/base/random.hpp"
#include "resilience/policy.hpp"
#include "resilience/testing/in_parallel.hpp"

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::in_parallel;
using testing::kThreads;

// Waits for another thread; bounded by the time limit of the test alone.
template <typename Condition>
void wait_until(const Condition& condition) {
  while (!condition()) std::this_thread::yield();
}

TEST(RateLimiterThreads, GrantsExactlyWhatTheBucketHolds) {
  const ManualClock clock;
  RateLimiter limiter("r", {.permits_per_second = 1, .burst = 20'000}, clock);
  std::atomic<int> granted{0};
  in_parallel([&](unsigned) {
    for (int i = 0; i < 10'000; ++i) granted += limiter.try_acquire();
  });
  EXPECT_EQ(granted, 20'000);
  const RateLimiter::Metrics metrics = limiter.metrics();
  EXPECT_EQ(metrics.granted, 20'000U);
  EXPECT_EQ(metrics.refused, kThreads * 10'000 - 20'000U);
}

// Whatever the threads do, no stretch of time has more than the burst and what was refilled in it.
TEST(RateLimiterThreads, NeverExceedsTheRateWhileReservationsComeAndGo) {
  ManualClock clock;
  RateLimiter limiter("r", {.permits_per_second = 1'000, .burst = 10, .max_wait = milliseconds(20)},
                      clock);
  const MonotonicTime start = clock.now();
  std::atomic<int> used{0};
  in_parallel([&](unsigned t) {
    Random random(t);
    for (int i = 0; i < 5'000; ++i) {
      RateLimiter::Reservation reservation = limiter.reserve();
      if (reservation && random.chance(0.7)) {
        reservation.use();
        ++used;
      }
      if (random.chance(0.1)) clock.advance(milliseconds(1));
    }
  });
  const double seconds = std::chrono::duration<double>(clock.now() - start).count();
  // Reservations may lie up to 20 ms ahead.
  EXPECT_LE(used, 10 + 1'000 * seconds + 20 + 1);
  EXPECT_EQ(limiter.waiting(), 0);
}

TEST(BulkheadThreads, NeverAdmitsTooManyAndLosesNoPlace) {
  for (const milliseconds wait : {milliseconds(0), milliseconds(60'000)}) {
    Bulkhead bulkhead("b", {.max_concurrent = 2, .max_wait = wait});
    std::atomic<int> in{0};
    std::atomic<std::uint64_t> admitted{0};
    in_parallel([&](unsigned) {
      for (int i = 0; i < 3'000; ++i) {
        const Bulkhead::Permit permit = bulkhead.acquire();
        if (!permit) continue;
        EXPECT_LE(++in, 2);
        ++admitted;
        --in;
      }
    });
    EXPECT_EQ(bulkhead.available_concurrent_calls(), 2);
    EXPECT_EQ(bulkhead.waiting(), 0);
    EXPECT_EQ(admitted + bulkhead.refused(), kThreads * 3'000U);
    EXPECT_TRUE(bulkhead.refused() == 0 || wait.count() == 0);
  }
}

// Waits that end just when a place comes back: nobody may get lost, and no place either.
TEST(BulkheadThreads, TimeOutsThatMeetReleasesLoseNoPlace) {
  Bulkhead bulkhead("b", {.max_concurrent = 1, .max_wait = milliseconds(5)});
  std::atomic<int> in{0};
  in_parallel([&](unsigned t) {
    Random random(t);
    for (int i = 0; i < 2'000; ++i) {
      const Bulkhead::Permit permit = bulkhead.acquire(Nanoseconds(random.below(20'000)));
      if (!permit) continue;
      EXPECT_EQ(++in, 1);
      for (std::uint64_t spin = random.below(2'000); spin > 0; --spin) {
        std::atomic_signal_fence(std::memory_order_seq_cst);
      }
      --in;
    }
  });
  EXPECT_EQ(bulkhead.available_concurrent_calls(), 1);
  EXPECT_EQ(bulkhead.waiting(), 0);
  EXPECT_TRUE(bulkhead.try_acquire());
}

TEST(BulkheadThreads, FirstComeFirstServed) {
  Bulkhead bulkhead("b", {.max_concurrent = 1, .max_wait = minutes(1)});
  Bulkhead::Permit held = bulkhead.try_acquire();
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&bulkhead, &order, t] {
      const Bulkhead::Permit permit = bulkhead.acquire();
      order.push_back(t);  // one at a time: the place guards it
    });
    wait_until([&] { return bulkhead.waiting() == t + 1; });
  }
  held.release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(RetryThreads, CountsEveryOperationOnce) {
  const ManualClock clock;
  RetryBudget budget;
  Retry retry("r", {.max_attempts = 2}, clock, Random(1), &budget);
  in_parallel([&](unsigned t) {
    for (unsigned i = 0; i < 5'000; ++i) {
      Retry::Operation operation = retry.begin();
      const bool fails = (i + t) % 100 == 0;
      if (fails && !operation.failed()) continue;
      operation.succeeded();
    }
  });
  const Retry::Metrics metrics = retry.metrics();
  EXPECT_EQ(metrics.successful_without_retry, kThreads * 4'950U);
  EXPECT_EQ(metrics.successful_with_retry + metrics.failed_without_retry, kThreads * 50U);
  EXPECT_EQ(metrics.failed_with_retry, 0U);
}

TEST(PolicyThreads, GuardsTogetherCountEveryCall) {
  const ManualClock clock;
  CircuitBreaker breaker("b", {}, clock, Random(1));
  Retry retry("r", {}, clock, Random(1));
  RateLimiter limiter("l", {.permits_per_second = 1, .burst = 1'000'000}, clock);
  TimeLimiter time_limiter("t", {}, clock);
  Bulkhead bulkhead("b", {.max_concurrent = 2, .max_wait = minutes(1)});
  Policy policy;
  policy.retry = &retry;
  policy.breaker = &breaker;
  policy.rate_limiter = &limiter;
  policy.time_limiter = &time_limiter;
  policy.bulkhead = &bulkhead;
  policy.clock = &clock;
  std::atomic<std::uint64_t> made{0};
  in_parallel([&](unsigned) {
    for (int i = 0; i < 2'000; ++i) {
      const auto outcome = call(policy, [&made] { return ++made > 0; });
      EXPECT_TRUE(outcome);
    }
  });
  constexpr std::uint64_t kAll = kThreads * 2'000;
  EXPECT_EQ(made, kAll);
  EXPECT_EQ(breaker.metrics().successful, kAll);
  EXPECT_EQ(retry.metrics().successful_without_retry, kAll);
  EXPECT_EQ(limiter.metrics().granted, kAll);
  EXPECT_EQ(time_limiter.metrics().successful, kAll);
  EXPECT_EQ(bulkhead.available_concurrent_calls(), 2);
}

}  // namespace
}  // namespace stormlog::resilience
