#include "resilience/testing/reference_breaker.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace stormlog::resilience::testing {
namespace {

double seconds(Nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

long second_of(MonotonicTime time) {
  return static_cast<long>(time.time_since_epoch() / std::chrono::seconds(1));
}

}  // namespace

std::string describe_rate(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", rate);
  return text;
}

std::optional<int> ReferenceBreaker::acquire(MonotonicTime now) {
  expire(now);
  if (state_ == BreakerState::open && now >= open_until_) {
    enter(BreakerState::half_open, now, "wait_over");
  }
  const bool admitted = state_ == BreakerState::half_open
                            ? half_open_left() > 0
                            : state_ != BreakerState::open && state_ != BreakerState::forced_open;
  if (!admitted) {
    ++totals_.not_permitted;
    return std::nullopt;
  }
  running_.push_back({.call = next_call_,
                      .generation = generation_,
                      .start = now,
                      .lease = state_ == BreakerState::half_open});
  return next_call_++;
}

void ReferenceBreaker::settle(int call, How how, std::optional<Nanoseconds> given,
                              MonotonicTime now) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [call](const Running& r) { return r.call == call; });
  Running running = *found;
  const Nanoseconds duration = given ? *given : now - running.start;
  const double took = seconds(duration);
  if (how == How::success) {
    ++totals_.successful;
    totals_.successful_seconds += took;
    totals_.successful_max_seconds = std::max(totals_.successful_max_seconds, took);
  } else if (how == How::failure) {
    ++totals_.failed;
    totals_.failed_seconds += took;
    totals_.failed_max_seconds = std::max(totals_.failed_max_seconds, took);
  } else {
    ++totals_.ignored;
    totals_.ignored_seconds += took;
  }

  const bool stale = running.generation != generation_;
  if (!stale && state_ == BreakerState::half_open) expire(now);  // may take its own lease
  if (running.generation == generation_)
    running = *std::find_if(running_.begin(), running_.end(),
                            [call](const Running& r) { return r.call == call; });
  std::erase_if(running_, [call](const Running& r) { return r.call == call; });
  if (running.generation != generation_ && mistake_ != Mistake::stale_results_count) return;

  const bool slow = mistake_ == Mistake::slow_at_threshold ? duration >= config_.slow_call
                                                           : duration > config_.slow_call;
  const bool failed = how == How::failure;
  const bool counts =
      how != How::ignored || (mistake_ == Mistake::ignored_counts_as_success && !running.hanging);
  if (state_ == BreakerState::half_open) {
    if (!running.lease && mistake_ != Mistake::late_probe_counts) return;
    if (!counts) return;
    results_.push_back({call, failed, slow, false, now});
    decide_half_open(now);
    return;
  }
  if (state_ != BreakerState::closed && state_ != BreakerState::metrics_only) return;
  const auto hanging = std::find_if(results_.begin(), results_.end(),
                                    [call](const Result& result) { return result.call == call; });
  if (!counts) {
    if (hanging != results_.end()) hanging->gone = true;
    return;
  }
  if (hanging != results_.end() && mistake_ != Mistake::hanging_call_counts_twice) {
    hanging->failed = failed;
    hanging->slow = slow;
  } else {
    results_.push_back({call, failed, slow, false, now});
  }
  if (failed) {
    ++failures_in_a_row_;
  } else if (mistake_ != Mistake::success_keeps_failures_in_a_row) {
    failures_in_a_row_ = 0;
  }
  decide(now);
}

void ReferenceBreaker::tick(MonotonicTime now) {
  expire(now);
  if (!config_.count_inflight_slow) return;
  if (state_ != BreakerState::closed && state_ != BreakerState::metrics_only) return;
  bool any = false;
  for (Running& running : running_) {
    if (running.generation != generation_ || running.hanging) continue;
    if (now - running.start <= config_.slow_call) continue;
    running.hanging = true;
    results_.push_back({running.call, false, true, false, now});
    any = true;
  }
  if (any) decide(now);
}

bool ReferenceBreaker::transition_to(BreakerState to, MonotonicTime now) {
  if (state_ == BreakerState::closed && to == BreakerState::half_open) return false;
  if (to != state_) enter(to, now, "manual");
  return true;
}

void ReferenceBreaker::reset(MonotonicTime now) {
  enter(BreakerState::closed, now, "manual");
  events_.push_back("RESET");
}

bool ReferenceBreaker::would_permit(MonotonicTime now) const {
  ReferenceBreaker copy = *this;
  return copy.acquire(now).has_value();
}

Nanoseconds ReferenceBreaker::remaining_open(MonotonicTime now) const {
  if (state_ != BreakerState::open) return Nanoseconds{0};
  return std::max(Nanoseconds{0}, open_until_ - now);
}

ReferenceBreaker::Counts ReferenceBreaker::count(MonotonicTime now) const {
  const long size = config_.window_size + (mistake_ == Mistake::window_one_longer ? 1 : 0);
  const bool timed = config_.window == CircuitBreakerConfig::Window::time;
  long younger = static_cast<long>(results_.size());  // than the one that is looked at
  Counts counts;
  for (const Result& result : results_) {
    --younger;
    if (result.gone) continue;
    if (!half_open_results_) {
      if (timed ? second_of(result.at) <= second_of(now) - size : younger >= size) continue;
    }
    ++counts.calls;
    counts.failed += result.failed;
    counts.slow += result.slow;
    counts.slow_failed += result.failed && result.slow;
  }
  return counts;
}

bool ReferenceBreaker::reaches(double rate, double threshold) const {
  return mistake_ == Mistake::rate_must_exceed_threshold ? rate > threshold : rate >= threshold;
}

int ReferenceBreaker::needed() const {
  int minimum = config_.minimum_calls;
  if (half_open_results_) {
    return mistake_ == Mistake::half_open_waits_for_all_results
               ? config_.half_open_permits
               : std::min(minimum, config_.half_open_permits);
  }
  if (mistake_ == Mistake::minimum_one_more) ++minimum;
  return config_.window == CircuitBreakerConfig::Window::count
             ? std::min(minimum, config_.window_size)
             : minimum;
}

int ReferenceBreaker::half_open_left() const {
  const auto out = std::count_if(running_.begin(), running_.end(), [this](const Running& running) {
    return running.lease && running.generation == generation_;
  });
  return config_.half_open_permits - static_cast<int>(out) - static_cast<int>(results_.size()) +
         (mistake_ == Mistake::half_open_one_permit_more ? 1 : 0);
}

bool ReferenceBreaker::half_open_over(MonotonicTime now) const {
  return config_.half_open_max.count() > 0 && now - half_open_since_ >= config_.half_open_max;
}

void ReferenceBreaker::expire(MonotonicTime now) {
  if (state_ == BreakerState::open && config_.automatic_half_open && now >= open_until_) {
    enter(BreakerState::half_open, now, "wait_over");
  } else if (state_ == BreakerState::half_open && half_open_over(now)) {
    enter(BreakerState::open, now, "half_open_over");
  } else if (state_ == BreakerState::half_open && config_.half_open_lease.count() > 0 &&
             mistake_ != Mistake::lease_lasts_for_ever) {
    for (Running& running : running_) {
      if (now - running.start >= config_.half_open_lease) running.lease = false;
    }
  }
}

void ReferenceBreaker::decide(MonotonicTime now) {
  const Counts seen = count(now);
  const bool enough = seen.calls > 0 && seen.calls >= needed();
  const bool failures = enough && reaches(seen.failure_rate(), config_.failure_rate_percent);
  const bool slow = enough && reaches(seen.slow_rate(), config_.slow_rate_percent);
  if (failures && !told_failures_) tell_rate("FAILURE_RATE_EXCEEDED", seen.failure_rate());
  if (slow && !told_slow_) tell_rate("SLOW_CALL_RATE_EXCEEDED", seen.slow_rate());
  told_failures_ |= failures;
  told_slow_ |= slow;
  if (state_ != BreakerState::closed) return;
  if (failures) {
    enter(BreakerState::open, now, "failure_rate");
  } else if (slow) {
    enter(BreakerState::open, now, "slow_call_rate");
  } else if (config_.consecutive_failures > 0 &&
             failures_in_a_row_ >= config_.consecutive_failures) {
    enter(BreakerState::open, now, "consecutive_failures");
  }
}

void ReferenceBreaker::decide_half_open(MonotonicTime now) {
  const Counts seen = count(now);
  // The best that can still come of it: all results that are missing are good.
  Counts best = seen;
  best.calls = std::max(seen.calls, needed());
  const bool failures = reaches(best.failure_rate(), config_.failure_rate_percent);
  const bool slow = reaches(best.slow_rate(), config_.slow_rate_percent);
  if (failures) tell_rate("FAILURE_RATE_EXCEEDED", best.failure_rate());
  if (slow) tell_rate("SLOW_CALL_RATE_EXCEEDED", best.slow_rate());
  if (failures) {
    enter(BreakerState::open, now, "failure_rate");
  } else if (slow) {
    enter(BreakerState::open, now, "slow_call_rate");
  } else if (seen.calls >= needed()) {
    enter(BreakerState::closed, now, "recovered");
  }
}

void ReferenceBreaker::tell_rate(const char* what, double rate) {
  events_.push_back(std::string(what) + " " + describe_rate(rate));
}

void ReferenceBreaker::enter(BreakerState to, MonotonicTime now, const char* reason) {
  ++generation_;
  failures_in_a_row_ = 0;
  told_failures_ = told_slow_ = false;
  if (to == BreakerState::open) {
    ++opens_;
    wait_unknown_ = true;
    open_until_ = MonotonicTime::max();
  } else {
    results_.clear();
    half_open_results_ = to == BreakerState::half_open;
    half_open_since_ = now;
    if (to != BreakerState::half_open) opens_ = 0;
  }
  if (to == state_) return;
  ++totals_.transitions;
  events_.push_back(std::string(to_string(state_)) + ">" + std::string(to_string(to)) + " " +
                    reason);
  state_ = to;
}

bool ReferenceBreaker::adopt_open_wait(Nanoseconds remaining, MonotonicTime now) {
  if (state_ != BreakerState::open || !wait_unknown_) return true;
  wait_unknown_ = false;
  open_until_ = now + remaining;
  const Nanoseconds first = config_.open_wait;
  double wait = static_cast<double>(first.count());
  for (int i = 1; i < opens_; ++i) wait *= config_.open_wait_factor;
  if (mistake_ != Mistake::open_wait_forgets_cap) {
    const Nanoseconds cap = std::max(first, Nanoseconds(config_.open_wait_max));
    wait = std::min(wait, static_cast<double>(cap.count()));
  }
  const double spread = wait * config_.open_wait_jitter + 2;  // ± rounding
  const double drawn = static_cast<double>(remaining.count());
  return drawn >= wait - spread && drawn <= wait + spread;
}

CircuitBreaker::Metrics ReferenceBreaker::metrics(MonotonicTime now) {
  CircuitBreaker::Metrics result = totals_;
  totals_.successful_max_seconds = 0;
  totals_.failed_max_seconds = 0;
  const Counts seen = count(now);
  result.state = state_;
  result.buffered = static_cast<std::uint32_t>(seen.calls);
  result.buffered_failed = static_cast<std::uint32_t>(seen.failed);
  result.buffered_slow = static_cast<std::uint32_t>(seen.slow);
  result.buffered_slow_failed = static_cast<std::uint32_t>(seen.slow_failed);
  if (seen.calls > 0 && seen.calls >= needed()) {
    result.failure_rate_percent = seen.failure_rate();
    result.slow_rate_percent = seen.slow_rate();
  }
  return result;
}

}  // namespace stormlog::resilience::testing
