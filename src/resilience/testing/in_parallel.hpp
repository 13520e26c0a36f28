#pragma once

#include <functional>
#include <thread>
#include <vector>

namespace stormlog::resilience::testing {

constexpr unsigned kThreads = 4;

// Runs `work` on kThreads threads at once, each with its number, and waits for all.
inline void in_parallel(const std::function<void(unsigned)>& work) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace stormlog::resilience::testing
