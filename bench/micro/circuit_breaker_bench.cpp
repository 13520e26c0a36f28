// What a circuit breaker adds to a call: one breaker, shared by all threads of a benchmark.

#include "common/base/random.hpp"
#include "resilience/circuit_breaker.hpp"
#include "resilience_bench.hpp"

namespace stormlog::resilience {
namespace {

using bench::clock_of;
using bench::report;

CircuitBreakerConfig config_of(CircuitBreakerConfig::Window window, bool watched) {
  CircuitBreakerConfig config;
  config.window = window;
  config.count_inflight_slow = watched;
  return config;
}

void admitted(benchmark::State& state, CircuitBreaker& breaker) {
  for (auto _ : state) {
    Permit permit = breaker.acquire();
    permit.success();
  }
  if (breaker.state() != BreakerState::closed) state.SkipWithError("it opened");
  report(state);
}

template <typename AnyClock>
void CountWindow(benchmark::State& state) {
  static CircuitBreaker breaker("b", config_of(CircuitBreakerConfig::Window::count, false),
                                clock_of<AnyClock>(), Random(1));
  admitted(state, breaker);
}

template <typename AnyClock>
void TimeWindow(benchmark::State& state) {
  static CircuitBreaker breaker("b", config_of(CircuitBreakerConfig::Window::time, false),
                                clock_of<AnyClock>(), Random(1));
  admitted(state, breaker);
}

// Calls under way are known, so that those that hang are counted before they end.
template <typename AnyClock>
void CountWindowWatched(benchmark::State& state) {
  static CircuitBreaker breaker("b", config_of(CircuitBreakerConfig::Window::count, true),
                                clock_of<AnyClock>(), Random(1));
  admitted(state, breaker);
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
  report(state);
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
  report(state);
}

// The limits of the machine: what a call needs whatever the breaker does.
template <typename AnyClock>
void TwoClockReads(benchmark::State& state) {
  const Clock& clock = clock_of<AnyClock>();
  for (auto _ : state) {
    benchmark::DoNotOptimize(clock.now());
    benchmark::DoNotOptimize(clock.now());
  }
  report(state);
}

void SharedFetchAdd(benchmark::State& state) {
  static std::atomic<std::uint64_t> shared{0};
  for (auto _ : state) shared.fetch_add(1, std::memory_order_relaxed);
  report(state);
}

STORMLOG_BENCHMARK_CLOCKS(TwoClockReads);
STORMLOG_BENCHMARK(SharedFetchAdd);
STORMLOG_BENCHMARK_CLOCKS(CountWindow);
STORMLOG_BENCHMARK_CLOCKS(TimeWindow);
STORMLOG_BENCHMARK_CLOCKS(CountWindowWatched);
STORMLOG_BENCHMARK(CountWindowOnePercentFails);
STORMLOG_BENCHMARK_CLOCKS(Rejected);

}  // namespace
}  // namespace stormlog::resilience

BENCHMARK_MAIN();
