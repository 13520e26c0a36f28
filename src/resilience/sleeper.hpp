#pragma once

#include "common/base/clock.hpp"

namespace stormlog::resilience {

// How a call that blocks waits: between the attempts of a retry, for a permit of a rate limiter.
//
// Threads: thread-safe.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  virtual void sleep_for(Nanoseconds duration) const = 0;
};

// Blocks the thread.
class ThreadSleeper final : public Sleeper {
 public:
  void sleep_for(Nanoseconds duration) const override;

  static const ThreadSleeper& instance();
};

// Moves a manual clock instead: for tests, also of programs that use the library.
class ManualSleeper final : public Sleeper {
 public:
  explicit ManualSleeper(ManualClock& clock) : clock_(clock) {}
  void sleep_for(Nanoseconds duration) const override { clock_.advance(duration); }

 private:
  ManualClock& clock_;
};

}  // namespace stormlog::resilience
