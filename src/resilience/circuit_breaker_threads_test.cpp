// What several threads at once must not break. Meant above all for ThreadSanitizer; the counts are
// exact where nothing depends on the threads' timing.

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <functional>
#include <thread>
#include <vector>

#include "resilience/circuit_breaker.hpp"
#include "resilience/testing/in_parallel.hpp"

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using testing::in_parallel;
using testing::kThreads;

TEST(CircuitBreakerThreads, LosesNoSuccess) {
  for (const bool watched : {false, true}) {
    constexpr unsigned kCalls = 30'000;
    CircuitBreakerConfig config;
    config.window_size = 1'000;
    config.count_inflight_slow = watched;
    const ManualClock clock;
    CircuitBreaker breaker("b", config, clock, Random(1));
    in_parallel([&](unsigned) {
      for (unsigned i = 0; i < kCalls; ++i) breaker.acquire().success(Nanoseconds(1'000));
    });
    const CircuitBreaker::Metrics metrics = breaker.metrics();
    EXPECT_EQ(metrics.successful, kThreads * kCalls);
    EXPECT_NEAR(metrics.successful_seconds, kThreads * kCalls * 1e-6, 1e-9);
    EXPECT_EQ(metrics.buffered, 1'000U);
    EXPECT_EQ(metrics.failure_rate_percent, 0);
  }
}

TEST(CircuitBreakerThreads, CountsEveryFailureAmongSuccesses) {
  CircuitBreakerConfig config;
  config.window = CircuitBreakerConfig::Window::time;  // takes any number of calls
  config.failure_rate_percent = 100;
  const ManualClock clock;
  CircuitBreaker breaker("b", config, clock, Random(1));
  breaker.acquire().success();  // the rate never reaches 100
  constexpr unsigned kCalls = 10'000;
  in_parallel([&](unsigned t) {
    for (unsigned i = 0; i < kCalls; ++i) {
      Permit permit = breaker.acquire();
      (i + t) % 10 == 0 ? permit.failure() : permit.success();
    }
  });
  const CircuitBreaker::Metrics metrics = breaker.metrics();
  EXPECT_EQ(metrics.buffered, kThreads * kCalls + 1);
  EXPECT_EQ(metrics.buffered_failed, kThreads * kCalls / 10);
  EXPECT_EQ(metrics.state, BreakerState::closed);
}

TEST(CircuitBreakerThreads, HalfOpenAdmitsItsPermitsAndNoMore) {
  CircuitBreakerConfig config;
  config.half_open_permits = 3;
  config.half_open_lease = milliseconds(0);
  ManualClock clock;
  CircuitBreaker breaker("b", config, clock, Random(1));
  for (int round = 0; round < 200; ++round) {
    ASSERT_TRUE(breaker.transition_to(BreakerState::open));
    clock.advance(seconds(60));
    std::atomic<int> admitted{0};
    std::barrier all_tried(kThreads);
    in_parallel([&](unsigned) {
      std::vector<Permit> permits;
      for (int i = 0; i < 3; ++i) {
        Permit permit = breaker.acquire();
        if (permit) permits.push_back(std::move(permit));
      }
      admitted += static_cast<int>(permits.size());
      all_tried.arrive_and_wait();
    });
    EXPECT_EQ(admitted, 3);
    EXPECT_EQ(breaker.state(), BreakerState::half_open);
    ASSERT_TRUE(breaker.transition_to(BreakerState::closed));
  }
  EXPECT_EQ(breaker.metrics().not_permitted, 200U * (kThreads * 3 - 3));
}

// Results of calls from before a reset race with it and with calls of now: not one may be seen in
// the new window.
TEST(CircuitBreakerThreads, StaleResultsNeverReachTheWindow) {
  for (const bool watched : {false, true}) {
    CircuitBreakerConfig config;
    config.window_size = 10'000;
    config.minimum_calls = 10'000;
    config.count_inflight_slow = watched;
    ManualClock clock;
    CircuitBreaker breaker("b", config, clock, Random(1));
    for (int round = 0; round < 200; ++round) {
      std::barrier start(kThreads);
      std::vector<std::vector<Permit>> stale(kThreads);
      for (auto& permits : stale) {
        for (int i = 0; i < 20; ++i) permits.push_back(breaker.acquire());
      }
      std::atomic<bool> was_reset{false};
      std::atomic<unsigned> of_now{0};
      in_parallel([&](unsigned t) {
        start.arrive_and_wait();
        if (t == 0) {
          breaker.reset();
          was_reset = true;
        }
        for (Permit& permit : stale[t]) {
          if (was_reset) {
            Permit fresh = breaker.acquire();
            fresh.success();
            ++of_now;
          }
          t % 2 == 0 ? permit.success() : permit.failure();
        }
      });
      const CircuitBreaker::Metrics metrics = breaker.metrics();
      ASSERT_EQ(metrics.buffered, of_now.load());
      ASSERT_EQ(metrics.buffered_failed, 0U);
    }
    EXPECT_EQ(breaker.metrics().failed, 200U * 40);
  }
}

// Everything at once: calls, results of all kinds, time, hands, and readers.
TEST(CircuitBreakerThreads, AddsUpUnderEverythingAtOnce) {
  for (const auto window :
       {CircuitBreakerConfig::Window::count, CircuitBreakerConfig::Window::time}) {
    CircuitBreakerConfig config;
    config.window = window;
    config.window_size = 20;
    config.minimum_calls = 10;
    config.slow_call = milliseconds(20);
    config.consecutive_failures = 8;
    config.half_open_permits = 3;
    config.half_open_lease = milliseconds(30);
    config.half_open_max = milliseconds(200);
    config.open_wait = milliseconds(10);
    config.open_wait_jitter = 0.2;
    config.automatic_half_open = true;
    config.count_inflight_slow = true;
    ManualClock clock;
    CircuitBreaker breaker("b", config, clock, Random(1));

    std::atomic<int> listening{0};
    std::uint64_t transitions = 0;  // by the listener alone, without a lock: one at a time
    std::uint64_t sequence = 0;
    BreakerState told = BreakerState::closed;
    breaker.on_event([&](const BreakerEvent& event) {
      EXPECT_EQ(++listening, 1);
      EXPECT_EQ(event.sequence, ++sequence);
      if (event.type == BreakerEvent::Type::state_transition) {
        EXPECT_EQ(event.from, told);
        told = event.to;
        ++transitions;
      }
      --listening;
    });

    std::atomic<std::uint64_t> successes{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::uint64_t> ignored{0};
    std::atomic<std::uint64_t> rejected{0};
    in_parallel([&](unsigned t) {
      Random random(t);
      std::vector<Permit> permits;
      for (int i = 0; i < 15'000; ++i) {
        if (Permit permit = breaker.acquire()) {
          permits.push_back(std::move(permit));
        } else {
          ++rejected;
        }
        clock.advance(Nanoseconds(random.below(2'000'000)));
        while (permits.size() > random.below(6)) {
          const std::uint64_t dice = random.below(20);
          if (dice == 0) {
            ++ignored;
          } else if (dice < 8) {
            permits.back().failure();
            ++failures;
          } else {
            permits.back().success();
            ++successes;
          }
          permits.pop_back();
        }
        const std::uint64_t dice = random.below(2'000);
        if (dice < 200) breaker.tick();
        if (dice < 5) breaker.transition_to(static_cast<BreakerState>(random.below(6)));
        if (dice == 5) breaker.reset();
        if (dice < 20) breaker.metrics();
        if (dice < 40) {
          EXPECT_GE(breaker.remaining_open(), Nanoseconds{0});
          EXPECT_LE(breaker.remaining_open(), milliseconds(80'000));
          breaker.would_permit();
        }
      }
      ignored += permits.size();
    });

    const CircuitBreaker::Metrics metrics = breaker.metrics();
    EXPECT_EQ(metrics.successful, successes);
    EXPECT_EQ(metrics.failed, failures);
    EXPECT_EQ(metrics.ignored, ignored);
    EXPECT_EQ(metrics.not_permitted, rejected);
    EXPECT_EQ(metrics.transitions, transitions);
    EXPECT_EQ(breaker.state(), told);
    EXPECT_GT(transitions, 10U);

    // And it still closes.
    breaker.transition_to(BreakerState::open);
    for (int i = 0; i < 20 && breaker.state() != BreakerState::closed; ++i) {
      clock.advance(breaker.remaining_open());
      breaker.acquire().success(Nanoseconds{0});
    }
    EXPECT_EQ(breaker.state(), BreakerState::closed);
  }
}

}  // namespace
}  // namespace stormlog::resilience
