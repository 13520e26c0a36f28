#pragma once

#include <benchmark/benchmark.h>

#include "common/base/clock.hpp"

// What the benchmarks of the resilience library share.
//
// Each is run with three clocks: System, as it comes; Coarse, whose steps of a few milliseconds are
// enough for slow-call thresholds; Still, a clock that costs next to nothing, which leaves the
// guard's own work.
//
// `Time` is the wall time of all calls by their number: with two threads it is half of what one
// call takes, if they do not hinder each other. `per_call` is what each thread spends on a call.
namespace stormlog::resilience::bench {

template <typename AnyClock>
const AnyClock& clock_of() {
  static const AnyClock clock;
  return clock;
}

inline void report(benchmark::State& state) {
  state.counters["per_call"] =
      benchmark::Counter(static_cast<double>(state.iterations()),
                         benchmark::Counter::kAvgThreadsRate | benchmark::Counter::kInvert);
}

}  // namespace stormlog::resilience::bench

#define STORMLOG_BENCHMARK(name) BENCHMARK(name)->ThreadRange(1, 2)->UseRealTime()
#define STORMLOG_BENCHMARK_CLOCKS(name)  \
  STORMLOG_BENCHMARK(name<SystemClock>); \
  STORMLOG_BENCHMARK(name<CoarseClock>); \
  STORMLOG_BENCHMARK(name<ManualClock>)
