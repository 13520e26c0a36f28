#include "resilience/policy.hpp"

#include <algorithm>

namespace stormlog::resilience {

PolicyRun::PolicyRun(const Policy& policy, Waiting waiting)
    : policy_(policy),
      waiting_(waiting),
      deadline_(policy.total_deadline.count() > 0
                    ? Deadline::in(*policy.clock, policy.total_deadline)
                    : Deadline()) {
  if (policy_.retry != nullptr) operation_ = policy_.retry->begin(deadline_);
}

PolicyRun::Step PolicyRun::next() {
  switch (state_) {
    case State::begin:
      return begin_attempt();
    case State::back_off:
      return pause(wait_, State::begin);
    case State::wait_for_permit:
      reservation_.use();
      return enter_call();
    case State::calling:
      // Without settle(): whoever asks for the next step has lost the call.
      settle(Verdict::ignored);
      return Step::done;
    case State::done:
      break;
  }
  return Step::done;
}

PolicyRun::Step PolicyRun::pause(Nanoseconds wait, State then) {
  wait_ = wait;
  state_ = then;
  return Step::wait;
}

PolicyRun::Step PolicyRun::begin_attempt() {
  if (deadline_.is_over()) return refuse({.guard = Guard::deadline});
  if (policy_.breaker != nullptr) {
    breaker_permit_ = policy_.breaker->acquire();
    if (!breaker_permit_) {
      return refuse({.guard = Guard::circuit_breaker,
                     .name = policy_.breaker->name(),
                     .retry_after = policy_.breaker->remaining_open()});
    }
  }
  if (policy_.rate_limiter != nullptr) {
    reservation_ = policy_.rate_limiter->reserve(1, deadline_);
    if (!reservation_) return refuse(policy_.rate_limiter->refusal());
    if (reservation_.wait() > Nanoseconds{0}) {
      return pause(reservation_.wait(), State::wait_for_permit);
    }
  }
  return enter_call();
}

PolicyRun::Step PolicyRun::enter_call() {
  Deadline deadline = deadline_;
  if (policy_.time_limiter != nullptr) {
    limited_ = policy_.time_limiter->start(deadline_);
    deadline = limited_.deadline();
  }
  if (policy_.bulkhead != nullptr) {
    place_ = waiting_ == Waiting::block ? policy_.bulkhead->acquire(deadline.remaining())
                                        : policy_.bulkhead->try_acquire();
    if (!place_) return refuse(policy_.bulkhead->refusal());
  }
  if (policy_.breaker != nullptr) called_at_ = policy_.clock->now();
  ++calls_;
  attempt_ = {.number = calls_, .deadline = deadline};
  state_ = State::calling;
  return Step::call;
}

void PolicyRun::settle(Verdict verdict) {
  if (state_ != State::calling) return;
  state_ = State::done;
  place_.release();
  const bool failure = verdict == Verdict::retriable || verdict == Verdict::failed;
  verdict == Verdict::success ? limited_.success() : limited_.failure();
  if (policy_.breaker != nullptr) {
    const Nanoseconds duration = policy_.clock->now() - called_at_;
    if (verdict == Verdict::ignored) {
      breaker_permit_.ignore();
    } else if (failure) {
      breaker_permit_.failure(duration);
    } else {
      breaker_permit_.success(duration);
    }
  }
  if (policy_.retry == nullptr) return;
  switch (verdict) {
    case Verdict::success:
      operation_.succeeded();
      return;
    case Verdict::failed:
    case Verdict::ignored:
      operation_.failed_for_good();
      return;
    case Verdict::retriable:
      break;
  }
  if (const std::optional<Nanoseconds> wait = operation_.failed()) {
    wait_ = *wait;
    state_ = State::back_off;
  }
}

PolicyRun::Step PolicyRun::refuse(const Refusal& refusal) {
  state_ = State::done;
  refusal_ = refusal;
  limited_ = {};
  reservation_ = {};
  breaker_permit_ = {};
  if (policy_.retry == nullptr) return Step::done;
  if (policy_.retry_refusals && refusal.guard != Guard::deadline) {
    if (const std::optional<Nanoseconds> wait = operation_.failed(refusal.retry_after)) {
      refusal_.reset();
      return pause(*wait, State::begin);
    }
    return Step::done;
  }
  operation_.failed_for_good();
  return Step::done;
}

}  // namespace stormlog::resilience
