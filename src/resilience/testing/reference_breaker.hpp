#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "resilience/circuit_breaker.hpp"

namespace stormlog::resilience::testing {

// Mistakes that the reference can be told to make, so that a test can show that they are noticed.
enum class Mistake {
  none,
  rate_must_exceed_threshold,  // > where >= is right
  slow_at_threshold,           // >= where > is right
  minimum_one_more,
  window_one_longer,
  stale_results_count,
  ignored_counts_as_success,
  success_keeps_failures_in_a_row,
  half_open_one_permit_more,
  half_open_waits_for_all_results,
  lease_lasts_for_ever,
  late_probe_counts,
  hanging_call_counts_twice,
  open_wait_forgets_cap,
};

// What a circuit breaker must do, as plainly as it can be written: every call of the current
// generation in one list, everything computed anew from it. Knows nothing of threads and wall time.
class ReferenceBreaker {
 public:
  enum class How { success, failure, ignored };

  explicit ReferenceBreaker(CircuitBreakerConfig config, Mistake mistake = Mistake::none)
      : config_(config), mistake_(mistake) {}

  // The call's number, for settle().
  std::optional<int> acquire(MonotonicTime now);
  void settle(int call, How how, std::optional<Nanoseconds> duration, MonotonicTime now);
  void tick(MonotonicTime now);
  bool transition_to(BreakerState to, MonotonicTime now);
  void reset(MonotonicTime now);

  BreakerState state() const { return state_; }
  bool would_permit(MonotonicTime now) const;
  Nanoseconds remaining_open(MonotonicTime now) const;
  CircuitBreaker::Metrics metrics(MonotonicTime now);
  // "closed>open failure_rate", "FAILURE_RATE_EXCEEDED 50", "RESET"
  const std::vector<std::string>& events() const { return events_; }

  // The wait in open is drawn at random: the reference only knows within which bounds. Adopts what
  // was drawn; false when it is out of bounds. To be called after each step.
  bool adopt_open_wait(Nanoseconds remaining, MonotonicTime now);

 private:
  struct Result {
    int call;
    bool failed;
    bool slow;
    bool gone;  // took a place in the window, but does not count
    MonotonicTime at;
  };
  struct Running {
    int call;
    int generation;
    MonotonicTime start;
    bool hanging = false;  // counted as slow already
    bool lease = false;    // holds a half-open permit
  };
  struct Counts {
    int calls = 0;
    int failed = 0;
    int slow = 0;
    int slow_failed = 0;
    double failure_rate() const { return 100.0 * failed / calls; }
    double slow_rate() const { return 100.0 * slow / calls; }
  };

  Counts count(MonotonicTime now) const;
  bool reaches(double rate, double threshold) const;
  int needed() const;
  int half_open_left() const;
  bool half_open_over(MonotonicTime now) const;
  void expire(MonotonicTime now);
  void decide(MonotonicTime now);
  void decide_half_open(MonotonicTime now);
  void tell_rate(const char* what, double rate);
  void enter(BreakerState to, MonotonicTime now, const char* reason);

  CircuitBreakerConfig config_;
  Mistake mistake_;
  BreakerState state_ = BreakerState::closed;
  int generation_ = 0;
  int next_call_ = 0;
  std::vector<Running> running_;
  std::vector<Result> results_;  // since the state that looks at them was entered
  bool half_open_results_ = false;
  int failures_in_a_row_ = 0;
  int opens_ = 0;
  bool wait_unknown_ = false;
  bool told_failures_ = false;
  bool told_slow_ = false;
  MonotonicTime open_until_{};
  MonotonicTime half_open_since_{};
  CircuitBreaker::Metrics totals_;
  std::vector<std::string> events_;
};

std::string describe_rate(double rate);

}  // namespace stormlog::resilience::testing
