#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "chaos/runner/journal.hpp"
#include "chaos/stack/stack.hpp"

namespace stormlog::chaos {

// Looks at the resident memory of the stack's services once a second. Each look is journalled as
// `memory`: {"type":"memory", …, "bytes":{"kafka":…}}.
//
// Threads: a thread of its own; samples() on any.
class MemoryWatcher {
 public:
  MemoryWatcher(const Stack& stack, Journal& journal) : stack_(stack), journal_(journal) {}

  void start();
  // Ends with a last look, so that the end of a run is known.
  void stop();

  std::vector<MemorySample> samples() const;

 private:
  void look();

  const Stack& stack_;
  Journal& journal_;
  mutable std::mutex mutex_;
  std::vector<MemorySample> samples_;
  std::jthread thread_;
};

}  // namespace stormlog::chaos
