#pragma once

#include <atomic>

namespace stormlog::cli {

// While it lives, SIGINT and SIGTERM ask for an end in good order; a second one kills.
//
// Threads: one of them at a time in the program.
class StopOnSignal {
 public:
  StopOnSignal();
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  const std::atomic<bool>& requested() const;
};

}  // namespace stormlog::cli
