#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <utility>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "resilience/deadline.hpp"
#include "resilience/outcome.hpp"
#include "resilience/refusal.hpp"
#include "resilience/striped_counter.hpp"

namespace stormlog::resilience {

struct TimeLimiterConfig {
  std::chrono::milliseconds timeout{1'000};
};

Result<void> validate(const TimeLimiterConfig& config);

// Gives each call a deadline, and counts how the calls ended.
//
// It is cooperative: nothing interrupts a function that does not look at its deadline. What is
// called must hand the time that remains to whatever it waits for (a socket, a statement, a
// future). A result that is there all the same, though late, is not thrown away: it counts as
// `timeout`, and the caller gets it.
//
// Threads:  thread-safe.
// Blocking: get() alone, until the deadline.
// Lifetime: outlives its calls.
// Errors:   the constructor throws std::invalid_argument for what validate() refuses.
class TimeLimiter {
 public:
  TimeLimiter(std::string name, TimeLimiterConfig config, const Clock& clock);
  TimeLimiter(const TimeLimiter&) = delete;
  TimeLimiter& operator=(const TimeLimiter&) = delete;

  const std::string& name() const { return name_; }
  const TimeLimiterConfig& config() const { return config_; }

  // One call under way. Whoever learns of its end says so, once; destroyed before, it counts
  // nowhere.
  //
  // Threads: move-only; may end on another thread than it was started on. Where completion and
  //          time-out may come at once, from two threads, the caller decides which one is first.
  class Call {
   public:
    Call() = default;
    Call(Call&& other) noexcept
        : limiter_(std::exchange(other.limiter_, nullptr)), deadline_(other.deadline_) {}
    Call& operator=(Call&& other) noexcept {
      limiter_ = std::exchange(other.limiter_, nullptr);
      deadline_ = other.deadline_;
      return *this;
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    const Deadline& deadline() const { return deadline_; }
    // Each counts as `timeout` where the deadline is over.
    void success() { end(&TimeLimiter::successful_); }
    void failure() { end(&TimeLimiter::failed_); }
    // Nobody waits any longer.
    void timed_out();

   private:
    friend class TimeLimiter;
    void end(StripedCounter TimeLimiter::*kind);
    TimeLimiter* limiter_ = nullptr;
    Deadline deadline_;
  };
  // With the earlier of its own deadline and `outer`.
  Call start(const Deadline& outer = {});

  // Waits for a std::future, or for anything with its wait_for() and get(). Refused by the time
  // limiter when the result is not there in time: what runs goes on, and its owner must stop it.
  // What get() throws is a failure, and thrown on.
  template <typename Future>
  auto get(Future&& future, const Deadline& outer = {}) -> Outcome<decltype(future.get())>;

  Refusal refusal() const { return {.guard = Guard::time_limiter, .name = name_}; }

  struct Metrics {
    std::uint64_t successful = 0;
    std::uint64_t failed = 0;
    std::uint64_t timeout = 0;
  };
  Metrics metrics() const;

 private:
  const std::string name_;
  const TimeLimiterConfig config_;
  const Clock& clock_;
  StripedCounter successful_;
  StripedCounter failed_;
  StripedCounter timeout_;
};

template <typename Future>
auto TimeLimiter::get(Future&& future, const Deadline& outer) -> Outcome<decltype(future.get())> {
  using Value = decltype(future.get());
  Call call = start(outer);
  if (future.wait_for(call.deadline().remaining()) == std::future_status::timeout) {
    call.timed_out();
    return Outcome<Value>::refused(refusal());
  }
  try {
    auto outcome = Outcome<Value>::of([&future]() -> Value { return future.get(); });
    call.success();
    return outcome;
  } catch (...) {
    call.failure();
    throw;
  }
}

}  // namespace stormlog::resilience
