// What a circuit breaker adds to a call. One breaker is shared by all threads of a benchmark.
//
// System: with SystemClock, as the services use it; two clock reads are in it. Coarse: with
// CLOCK_MONOTONIC_COARSE, whose steps of a few milliseconds are enough for slow-call thresholds.
// Still: with a clock that costs next to nothing, which leaves the breaker's own work.

#include <benchmark/benchmark.h>
#include <time.h>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::resilience {
namespace {

class CoarseClock final : public Clock {
 public:
  MonotonicTime now() const override {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return MonotonicTime{std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec)};
  }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }
};

template <typename AnyClock>
const AnyClock& clock_of() {
  static const AnyClock clock;
  return clock;
}

CircuitBreakerConfig config_of(CircuitBreakerConfig::Window window, bool watched) {
  CircuitBreakerConfig config;
  config.window = window;
  config.count_inflight_slow = watched;
  return config;
}

template <typename AnyClock>
void admitted(benchmark::State& state, CircuitBreaker& breaker) {
  for (auto _ : state) {
    Permit permit = breaker.acquire();
    permit.success();
  }
  if (breaker.state() != BreakerState::closed) state.SkipWithError("it opened");
}

template <typename AnyClock>
void CountWindow(benchmark::State& state) {
  static CircuitBreaker breaker("b", config_of(CircuitBreakerConfig::Window::count, false),
                                clock_of<AnyClock>(), Random(1));
  admitted<AnyClock>(state, breaker);
}

template <typename AnyClock>
void TimeWindow(benchmark::State& state) {
  static CircuitBreaker breaker("b", config_of(CircuitBreakerConfig::Window::time, false),
                                clock_of<AnyClock>(), Random(1));
  admitted<AnyClock>(state, breaker);
}

// Calls under way are known, so that those that hang are counted before they end.
template <typename AnyClock>
void CountWindowWatched(benchmark::State& state) {
  static CircuitBreaker breaker("b", config_of(CircuitBreakerConfig::Window::count, true),
                                clock_of<AnyClock>(), Random(1));
  admitted<AnyClock>(state, breaker);
}

// One call in a hundred fails, and takes the lock.
void CountWindowOnePercentFails(benchmark::State& state) {
  static CircuitBreaker breaker("b", config_of(CircuitBreakerConfig::Window::count, false),
                                SystemClock::instance(), Random(1));
  int call = 0;
  for (auto _ : state) {
    Permit permit = breaker.acquire();
    if (++call % 100 == 0) {
      permit.failure();
    } else {
      permit.success();
    }
  }
}

template <typename AnyClock>
void Rejected(benchmark::State& state) {
  static CircuitBreaker breaker("b", {}, clock_of<AnyClock>(), Random(1));
  static const bool open = breaker.transition_to(BreakerState::open);
  benchmark::DoNotOptimize(open);
  for (auto _ : state) {
    Permit permit = breaker.acquire();
    if (permit) {
      state.SkipWithError("it admitted a call");
      break;
    }
  }
}

// What a call needs whatever the breaker does.
template <typename AnyClock>
void TwoClockReads(benchmark::State& state) {
  const Clock& clock = clock_of<AnyClock>();
  for (auto _ : state) {
    benchmark::DoNotOptimize(clock.now());
    benchmark::DoNotOptimize(clock.now());
  }
}

#define STORMLOG_BENCHMARK(name)                                  \
  BENCHMARK(name<SystemClock>)->ThreadRange(1, 2)->UseRealTime(); \
  BENCHMARK(name<CoarseClock>)->ThreadRange(1, 2)->UseRealTime(); \
  BENCHMARK(name<ManualClock>)->ThreadRange(1, 2)->UseRealTime()

STORMLOG_BENCHMARK(TwoClockReads);
STORMLOG_BENCHMARK(CountWindow);
STORMLOG_BENCHMARK(TimeWindow);
STORMLOG_BENCHMARK(CountWindowWatched);
BENCHMARK(CountWindowOnePercentFails)->ThreadRange(1, 2)->UseRealTime();
STORMLOG_BENCHMARK(Rejected);

}  // namespace
}  // namespace stormlog::resilience

BENCHMARK_MAIN();
