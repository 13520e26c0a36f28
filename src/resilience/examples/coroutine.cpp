// The guards in a coroutine: PolicyRun says what to do next, the coroutine awaits it, and no thread
// ever blocks. The event loop here is the smallest there is; with Asio, `Sleep` is a steady_timer.

#include <coroutine>
#include <cstdio>
#include <exception>
#include <optional>
#include <queue>
#include <stormlog/resilience/policy.hpp>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
namespace rs = stormlog::resilience;

namespace {

// An event loop that only knows timers, on a manual clock.
struct Loop {
  struct Timer {
    stormlog::MonotonicTime at;
    std::coroutine_handle<> waiting;
    bool operator<(const Timer& other) const { return at > other.at; }
  };
  stormlog::ManualClock clock;
  std::priority_queue<Timer> timers;

  void run() {
    while (!timers.empty()) {
      const Timer next = timers.top();
      timers.pop();
      if (next.at > clock.now()) clock.advance(next.at - clock.now());
      next.waiting.resume();
    }
  }
};

struct Sleep {
  Loop& loop;
  stormlog::Nanoseconds time;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) const {
    loop.timers.push({loop.clock.now() + time, waiting});
  }
  void await_resume() const {}
};

struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Task ask(Loop& loop, const rs::Policy& policy) {
  std::optional<int> answer;
  rs::PolicyRun run(policy);
  for (rs::PolicyRun::Step step = run.next(); step != rs::PolicyRun::Step::done;
       step = run.next()) {
    if (step == rs::PolicyRun::Step::wait) {
      co_await Sleep{loop, run.wait()};
      continue;
    }
    co_await Sleep{loop, 5ms};  // the call
    if (run.attempt().number == 3) answer = 42;
    run.settle(answer ? rs::Verdict::success : rs::Verdict::retriable);
  }
  std::printf("coroutine: %d attempts, answer %d\n", run.calls(), answer.value_or(-1));
}

}  // namespace

int main() {
  Loop loop;
  rs::Retry retry("peer", {}, loop.clock, stormlog::Random(1));
  rs::CircuitBreaker breaker("peer", {}, loop.clock, stormlog::Random(2));
  rs::Bulkhead bulkhead("peer", {.max_concurrent = 1});
  rs::Policy policy;
  policy.retry = &retry;
  policy.breaker = &breaker;
  policy.bulkhead = &bulkhead;
  policy.clock = &loop.clock;
  ask(loop, policy);
  loop.run();
}
