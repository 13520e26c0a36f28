#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/base/clock.hpp"
#include "resilience/bulkhead.hpp"
#include "resilience/circuit_breaker.hpp"
#include "resilience/deadline.hpp"
#include "resilience/outcome.hpp"
#include "resilience/rate_limiter.hpp"
#include "resilience/refusal.hpp"
#include "resilience/retry.hpp"
#include "resilience/sleeper.hpp"
#include "resilience/time_limiter.hpp"
#include "resilience/verdict.hpp"

namespace stormlog::resilience {

// The guards of one kind of call, from the outermost to the innermost. Those that are null are left
// out. The order is fixed, because most others are wrong in a way that shows under load only:
//
//   total deadline → retry → circuit breaker → rate limiter → attempt time-out → bulkhead → call
//
// Each attempt asks the breaker anew, so that retries stop when it opens. The wait for the rate
// limiter does not count as the call's duration. A place in the bulkhead is held for the call
// alone, never while something is waited for.
//
// Threads:  a plain value; the guards are thread-safe.
// Lifetime: everything that it points to outlives the calls.
struct Policy {
  std::chrono::milliseconds total_deadline{0};  // for all attempts and waits; 0: none
  Retry* retry = nullptr;
  CircuitBreaker* breaker = nullptr;
  RateLimiter* rate_limiter = nullptr;
  TimeLimiter* time_limiter = nullptr;
  Bulkhead* bulkhead = nullptr;
  // Retry what a guard refused as well, not before it says that it is worth it. Off: a refusal is
  // the answer, at once.
  bool retry_refusals = false;

  const Clock* clock = &SystemClock::instance();
  const Sleeper* sleeper = &ThreadSleeper::instance();
};

// What a call may want to know of its attempt.
struct Attempt {
  int number = 1;
  Deadline deadline;  // the earlier of the attempt's and the total one
};

// One guarded operation as a sequence of steps, for whoever makes the calls and the waits himself:
// a coroutine, an event loop. call() below is the same for plain functions.
//
//   PolicyRun run(policy);
//   for (;;) {
//     switch (run.next()) {
//       case PolicyRun::Step::wait: co_await timer(run.wait()); break;
//       case PolicyRun::Step::call: result = co_await operation(run.attempt().deadline);
//                                   run.settle(verdict_of(result)); break;
//       case PolicyRun::Step::done: co_return …;  // run.refusal() says whether a guard stopped it
//     }
//   }
//
// Destroyed at any point, it gives back what it holds, and counts as ignored.
//
// Threads:  caller synchronises; may move from thread to thread.
// Blocking: next(), for a place in the bulkhead, with Waiting::block alone.
class PolicyRun {
 public:
  enum class Waiting { never, block };
  enum class Step { wait, call, done };

  explicit PolicyRun(const Policy& policy, Waiting waiting = Waiting::never);
  PolicyRun(const PolicyRun&) = delete;
  PolicyRun& operator=(const PolicyRun&) = delete;

  Step next();
  // After Step::wait: how long.
  Nanoseconds wait() const { return wait_; }
  // After Step::call.
  const Attempt& attempt() const { return attempt_; }
  // How the call ended; after each Step::call, once.
  void settle(Verdict verdict);

  // After Step::done: who stopped it, if it was a guard.
  const std::optional<Refusal>& refusal() const { return refusal_; }
  // Attempts that were made.
  int calls() const { return calls_; }

 private:
  enum class State { begin, back_off, wait_for_permit, calling, done };

  Step begin_attempt();
  Step enter_call();
  Step refuse(const Refusal& refusal);
  Step pause(Nanoseconds wait, State then);

  const Policy policy_;
  const Waiting waiting_;
  State state_ = State::begin;
  const Deadline deadline_;
  Retry::Operation operation_;
  Attempt attempt_;
  Nanoseconds wait_{0};
  std::optional<Refusal> refusal_;
  int calls_ = 0;

  Permit breaker_permit_;
  RateLimiter::Reservation reservation_;
  TimeLimiter::Call limited_;
  Bulkhead::Permit place_;
  MonotonicTime called_at_{};
};

namespace detail {

template <typename Function>
decltype(auto) invoke_attempt(Function& function, const Attempt& attempt) {
  if constexpr (std::is_invocable_v<Function&, const Attempt&>) {
    return function(attempt);
  } else {
    return function();
  }
}

template <typename Function>
using AttemptResult =
    decltype(invoke_attempt(std::declval<Function&>(), std::declval<const Attempt&>()));

template <typename Judge>
Verdict judge_exception(const Judge& judge, const std::exception_ptr& error) {
  if constexpr (std::is_invocable_r_v<Verdict, const Judge&, const std::exception_ptr&>) {
    return judge(error);
  } else {
    return Verdict::retriable;
  }
}

template <typename T, typename Judge>
Verdict judge_outcome(const Judge& judge, const Outcome<T>& outcome) {
  if constexpr (std::is_void_v<T>) {
    return Verdict::success;
  } else {
    return judge(outcome.value());
  }
}

}  // namespace detail

// Calls `function` under the guards of `policy`. `function` takes nothing, or a const Attempt&; it
// may return anything, or throw. `judge` says what its result means to the guards (verdict.hpp),
// and may take a std::exception_ptr too: exceptions are retriable else.
//
// Blocking: for the calls, and for the waits of retry, rate limiter and bulkhead; within the total
//           deadline as far as `function` keeps to it.
// Errors:   refusals are values. What the last attempt threw is thrown on.
template <typename Function, typename Judge = DefaultJudge>
auto call(const Policy& policy, Function&& function, const Judge& judge = {})
    -> Outcome<detail::AttemptResult<Function>> {
  using Result = detail::AttemptResult<Function>;
  PolicyRun run(policy, PolicyRun::Waiting::block);
  std::optional<Outcome<Result>> last;
  std::exception_ptr error;
  for (;;) {
    const PolicyRun::Step step = run.next();
    if (step == PolicyRun::Step::done) break;
    if (step == PolicyRun::Step::wait) {
      policy.sleeper->sleep_for(run.wait());
      continue;
    }
    last.reset();
    error = nullptr;
    Verdict verdict = Verdict::success;
    try {
      last.emplace(Outcome<Result>::of(
          [&]() -> Result { return detail::invoke_attempt(function, run.attempt()); }));
    } catch (...) {
      error = std::current_exception();
    }
    // Outside of the try block: a judge that throws is a mistake of the program.
    verdict = error ? detail::judge_exception(judge, error) : detail::judge_outcome(judge, *last);
    run.settle(verdict);
  }
  if (error) std::rethrow_exception(error);
  if (!last) last.emplace(Outcome<Result>::refused(*run.refusal()));
  last->set_refusal(run.refusal());
  last->set_attempts(run.calls());
  return std::move(*last);
}

// The same, with an answer for when no result that counts as a success is there: `fallback` is
// given the outcome, or, after an exception, one without value and refusal.
template <typename Function, typename Fallback, typename Judge = DefaultJudge>
auto call_or(const Policy& policy, Function&& function, Fallback&& fallback,
             const Judge& judge = {}) -> detail::AttemptResult<Function> {
  using Result = detail::AttemptResult<Function>;
  auto outcome = Outcome<Result>::none();
  try {
    outcome = call(policy, function, judge);
  } catch (...) {
    return fallback(std::move(outcome));
  }
  if (outcome && detail::judge_outcome(judge, outcome) == Verdict::success) {
    if constexpr (std::is_void_v<Result>) {
      return;
    } else {
      return *std::move(outcome);
    }
  }
  return fallback(std::move(outcome));
}

}  // namespace stormlog::resilience
