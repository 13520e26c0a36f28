#include "resilience/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// All guards, on a manual clock; sleeping moves it.
class PolicyTest : public ::testing::Test {
 protected:
  PolicyTest() {
    RetryConfig retry;
    retry.initial = milliseconds(100);
    retry.factor = 2;
    retry.jitter = 0;
    retry_ = std::make_unique<Retry>("retry", retry, clock_, Random(1));
    CircuitBreakerConfig breaker;
    breaker.consecutive_failures = 4;
    breaker.open_wait = breaker.open_wait_max = seconds(5);
    breaker_ = std::make_unique<CircuitBreaker>("orders", breaker, clock_, Random(1));
    policy_.clock = &clock_;
    policy_.sleeper = &sleeper_;
    policy_.retry = retry_.get();
    policy_.breaker = breaker_.get();
    policy_.rate_limiter = &limiter_;
    policy_.time_limiter = &time_limiter_;
    policy_.bulkhead = &bulkhead_;
  }

  ManualClock clock_;
  const ManualSleeper sleeper_{clock_};
  RateLimiter limiter_{
      "rate", {.permits_per_second = 10, .burst = 10, .max_wait = milliseconds(1'000)}, clock_};
  TimeLimiter time_limiter_{"time", {.timeout = milliseconds(300)}, clock_};
  Bulkhead bulkhead_{"room", {.max_concurrent = 1}};
  std::unique_ptr<Retry> retry_;
  std::unique_ptr<CircuitBreaker> breaker_;
  Policy policy_;
};

TEST_F(PolicyTest, ASuccessPassesThroughAllGuards) {
  const auto outcome = call(policy_, [&](const Attempt& attempt) {
    EXPECT_EQ(attempt.number, 1);
    EXPECT_EQ(attempt.deadline.remaining(), milliseconds(300));
    EXPECT_EQ(bulkhead_.available_concurrent_calls(), 0);
    clock_.advance(milliseconds(20));
    return std::string("result");
  });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(*outcome, "result");
  EXPECT_EQ(outcome.refusal(), nullptr);
  EXPECT_EQ(outcome.attempts(), 1);
  EXPECT_EQ(bulkhead_.available_concurrent_calls(), 1);
  EXPECT_EQ(breaker_->metrics().successful, 1U);
  EXPECT_NEAR(breaker_->metrics().successful_seconds, 0.02, 1e-9);
  EXPECT_EQ(retry_->metrics().successful_without_retry, 1U);
  EXPECT_EQ(time_limiter_.metrics().successful, 1U);
  EXPECT_EQ(limiter_.available_permissions(), 9);
}

TEST_F(PolicyTest, WithoutGuardsItJustCalls) {
  const auto outcome = call(Policy{}, [] { return 5; });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(*outcome, 5);
  EXPECT_TRUE(call(Policy{}, [] {}));
}

TEST_F(PolicyTest, RetriesWithBackOffAndKeepsTheLastResult) {
  std::vector<Nanoseconds> at;
  const MonotonicTime start = clock_.now();
  const auto outcome = call(policy_, [&](const Attempt& attempt) -> Result<int> {
    at.push_back(clock_.now() - start);
    if (attempt.number < 3) return Error::retriable("not yet");
    return 42;
  });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(**outcome, 42);
  EXPECT_EQ(outcome.attempts(), 3);
  EXPECT_EQ(at, (std::vector<Nanoseconds>{milliseconds(0), milliseconds(100), milliseconds(300)}));
  EXPECT_EQ(breaker_->metrics().failed, 2U);
  EXPECT_EQ(retry_->metrics().successful_with_retry, 1U);
}

TEST_F(PolicyTest, WhatNobodyCanRepairIsNotRetriedNorHeldAgainstThePeer) {
  const auto outcome =
      call(policy_, []() -> Result<int> { return Error::permanent("no such order"); });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error().message, "no such order");
  EXPECT_EQ(outcome.attempts(), 1);
  EXPECT_EQ(breaker_->metrics().failed, 0U);
  EXPECT_EQ(breaker_->metrics().ignored, 1U);
  EXPECT_EQ(retry_->metrics().failed_without_retry, 1U);
}

TEST_F(PolicyTest, AFatalErrorCountsButIsNotRetried) {
  const auto outcome = call(policy_, []() -> Result<int> { return Error::fatal("broken"); });
  EXPECT_EQ(outcome.attempts(), 1);
  EXPECT_EQ(breaker_->metrics().failed, 1U);
}

TEST_F(PolicyTest, RetriesStopWhenTheBreakerOpensAndTheLastResultIsKept) {
  for (int i = 0; i < 2; ++i) breaker_->acquire().failure();
  int calls = 0;
  const auto outcome = call(policy_, [&] { return ++calls < 0; });
  EXPECT_EQ(calls, 2);  // the fourth failure in a row opened it
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(*outcome);
  ASSERT_NE(outcome.refusal(), nullptr);
  EXPECT_EQ(outcome.refusal()->guard, Guard::circuit_breaker);
  EXPECT_EQ(retry_->metrics().failed_with_retry, 1U);
}

TEST_F(PolicyTest, AnOpenBreakerRefusesAtOnceAndSaysForHowLong) {
  breaker_->transition_to(BreakerState::open);
  clock_.advance(milliseconds(500));
  const MonotonicTime before = clock_.now();
  const auto outcome = call(policy_, []() -> int {
    ADD_FAILURE() << "called";
    return 0;
  });
  EXPECT_FALSE(outcome);
  ASSERT_NE(outcome.refusal(), nullptr);
  EXPECT_EQ(describe(*outcome.refusal()),
            "circuit breaker orders permits no call; try again in 4500 ms");
  EXPECT_EQ(clock_.now(), before);
  EXPECT_EQ(limiter_.available_permissions(), 10);  // what is inside of it was not asked
}

TEST_F(PolicyTest, RefusalsAreRetriedWhereThatIsWantedAndNotTooEarly) {
  policy_.retry_refusals = true;
  breaker_->transition_to(BreakerState::open);
  const MonotonicTime before = clock_.now();
  const auto outcome = call(policy_, [] { return true; });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome.refusal(), nullptr);
  EXPECT_EQ(clock_.now() - before, seconds(5));
}

TEST_F(PolicyTest, TheWaitForThePermitIsNotTheCallsDuration) {
  EXPECT_TRUE(limiter_.try_acquire(10));
  const MonotonicTime before = clock_.now();
  const auto outcome = call(policy_, [&](const Attempt& attempt) {
    EXPECT_EQ(attempt.deadline.remaining(), milliseconds(300));
    return true;
  });
  EXPECT_TRUE(outcome);
  EXPECT_EQ(clock_.now() - before, milliseconds(100));
  EXPECT_EQ(breaker_->metrics().successful_seconds, 0);
}

TEST_F(PolicyTest, ARefusalOfAnInnerGuardSaysNothingOfThePeer) {
  const Bulkhead::Permit held = bulkhead_.try_acquire();
  const auto outcome = call(policy_, [] { return true; });
  EXPECT_FALSE(outcome);
  ASSERT_NE(outcome.refusal(), nullptr);
  EXPECT_EQ(outcome.refusal()->guard, Guard::bulkhead);
  EXPECT_EQ(outcome.refusal()->name, "room");
  EXPECT_EQ(breaker_->metrics().ignored, 1U);
  EXPECT_EQ(breaker_->metrics().buffered, 0U);
  EXPECT_EQ(time_limiter_.metrics().timeout + time_limiter_.metrics().failed, 0U);
}

TEST_F(PolicyTest, AnExhaustedRateIsARefusal) {
  policy_.total_deadline = milliseconds(50);
  EXPECT_TRUE(limiter_.try_acquire(10));
  const auto outcome = call(policy_, [] { return true; });
  EXPECT_FALSE(outcome);
  EXPECT_EQ(describe(*outcome.refusal()), "rate limiter rate has no permit; try again in 100 ms");
  EXPECT_EQ(limiter_.waiting(), 0);
}

TEST_F(PolicyTest, TheTotalDeadlineEndsRetriesAndBoundsAttempts) {
  policy_.total_deadline = milliseconds(250);
  std::vector<Nanoseconds> left;
  const auto outcome = call(policy_, [&](const Attempt& attempt) {
    left.push_back(attempt.deadline.remaining());
    return false;
  });
  // The third attempt would begin at 300 ms.
  EXPECT_EQ(left, (std::vector<Nanoseconds>{milliseconds(250), milliseconds(150)}));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(*outcome);
}

TEST_F(PolicyTest, ALateResultCountsAsTimeOutAndIsKept) {
  const auto outcome = call(policy_, [&] {
    clock_.advance(milliseconds(301));
    return true;
  });
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(*outcome);
  EXPECT_EQ(time_limiter_.metrics().timeout, 1U);
}

TEST_F(PolicyTest, ExceptionsAreFailuresAndTheLastOneIsThrown) {
  int calls = 0;
  EXPECT_THROW(
      (void)call(policy_,
                 [&]() -> int { throw std::runtime_error("attempt " + std::to_string(++calls)); }),
      std::runtime_error);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(breaker_->metrics().failed, 3U);
  EXPECT_EQ(bulkhead_.available_concurrent_calls(), 1);
  EXPECT_EQ(retry_->metrics().failed_with_retry, 1U);
}

TEST_F(PolicyTest, AJudgeDecidesWhatResultsAndExceptionsMean) {
  struct Judge {
    Verdict operator()(int status) const {
      if (status >= 500) return Verdict::retriable;
      return status >= 400 ? Verdict::ignored : Verdict::success;
    }
    Verdict operator()(const std::exception_ptr&) const { return Verdict::failed; }
  };
  int calls = 0;
  const auto outcome = call(
      policy_, [&] { return ++calls == 1 ? 503 : 404; }, Judge{});
  EXPECT_EQ(*outcome, 404);
  EXPECT_EQ(breaker_->metrics().failed, 1U);
  EXPECT_EQ(breaker_->metrics().ignored, 1U);
  calls = 0;
  EXPECT_THROW((void)call(
                   policy_, [&]() -> int { throw ++calls; }, Judge{}),
               int);
  EXPECT_EQ(calls, 1);
}

TEST_F(PolicyTest, TheFallbackAnswersForRefusalsFailuresAndExceptions) {
  const auto text_of = [](const auto& outcome) {
    if (outcome.refusal() != nullptr) return "refused by " + std::string(outcome.refusal()->name);
    return std::string(outcome ? "failed" : "threw");
  };
  const auto fallback = [&](const auto& outcome) -> std::optional<std::string> {
    return text_of(outcome);
  };
  using Text = std::optional<std::string>;
  EXPECT_EQ(call_or(
                policy_, []() -> Text { return "fine"; }, fallback),
            "fine");
  EXPECT_EQ(call_or(
                policy_, []() -> Text { return std::nullopt; }, fallback),
            "failed");
  policy_.retry = nullptr;
  EXPECT_EQ(call_or(
                policy_, []() -> Text { throw 1; }, fallback),
            "threw");
  // That was the fourth failure in a row.
  EXPECT_EQ(call_or(
                policy_, []() -> Text { throw 1; }, fallback),
            "refused by orders");
}

TEST_F(PolicyTest, StepsForCoroutinesNeverBlock) {
  EXPECT_TRUE(limiter_.try_acquire(10));
  PolicyRun run(policy_);
  ASSERT_EQ(run.next(), PolicyRun::Step::wait);  // for the rate limiter
  EXPECT_EQ(run.wait(), milliseconds(100));
  clock_.advance(run.wait());
  ASSERT_EQ(run.next(), PolicyRun::Step::call);
  run.settle(Verdict::retriable);
  ASSERT_EQ(run.next(), PolicyRun::Step::wait);  // back-off
  EXPECT_EQ(run.wait(), milliseconds(100));
  clock_.advance(run.wait());
  ASSERT_EQ(run.next(), PolicyRun::Step::call);
  EXPECT_EQ(run.attempt().number, 2);
  run.settle(Verdict::success);
  EXPECT_EQ(run.next(), PolicyRun::Step::done);
  EXPECT_EQ(run.next(), PolicyRun::Step::done);
  EXPECT_FALSE(run.refusal());
  EXPECT_EQ(run.calls(), 2);
}

TEST_F(PolicyTest, ACancelledRunGivesBackWhatItHolds) {
  {
    PolicyRun run(policy_);
    ASSERT_EQ(run.next(), PolicyRun::Step::call);
    EXPECT_EQ(bulkhead_.available_concurrent_calls(), 0);
  }
  EXPECT_EQ(bulkhead_.available_concurrent_calls(), 1);
  EXPECT_EQ(breaker_->metrics().ignored, 1U);
  EXPECT_TRUE(limiter_.try_acquire(9));
  {
    PolicyRun run(policy_);
    ASSERT_EQ(run.next(), PolicyRun::Step::wait);
    EXPECT_EQ(limiter_.waiting(), 1);
  }
  EXPECT_EQ(limiter_.waiting(), 0);
  EXPECT_EQ(limiter_.retry_after(), milliseconds(100));
}

}  // namespace
}  // namespace stormlog::resilience
