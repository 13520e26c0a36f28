#include "chaos/stack/restart_backoff.hpp"

#include <gtest/gtest.h>

namespace stormlog::chaos {
namespace {

using namespace std::chrono_literals;

RestartPolicy policy() {
  RestartPolicy policy;
  policy.backoff = 200ms;
  policy.max_backoff = 1s;
  policy.stable_after = 10s;
  policy.crash_loop_after = 5;
  return policy;
}

// Starts, lives that long, and fails.
std::optional<RestartBackoff::Decision> run_for(RestartBackoff& backoff, ManualClock& clock,
                                                Nanoseconds life, bool failed = true) {
  backoff.started(clock.now());
  clock.advance(life);
  return backoff.ended(clock.now(), failed);
}

TEST(RestartBackoff, DoublesUpToTheLimitThenLoops) {
  ManualClock clock;
  RestartBackoff backoff(policy());
  for (const auto expected : {200ms, 400ms, 800ms, 1000ms}) {
    const auto decision = run_for(backoff, clock, 10ms);
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->wait, expected);
    EXPECT_FALSE(decision->crash_loop);
  }
  const auto decision = run_for(backoff, clock, 10ms);
  ASSERT_TRUE(decision);
  EXPECT_TRUE(decision->crash_loop);
  EXPECT_EQ(decision->wait, 1s);
}

TEST(RestartBackoff, AStableRunStartsTheRowAnew) {
  ManualClock clock;
  RestartBackoff backoff(policy());
  for (int i = 0; i < 7; ++i) run_for(backoff, clock, 10ms);
  const auto decision = run_for(backoff, clock, 10s);
  ASSERT_TRUE(decision);
  EXPECT_FALSE(decision->crash_loop);
  EXPECT_EQ(decision->wait, 200ms);
}

TEST(RestartBackoff, AStartByHandForgetsTheRow) {
  ManualClock clock;
  RestartBackoff backoff(policy());
  for (int i = 0; i < 7; ++i) run_for(backoff, clock, 10ms);
  backoff.reset();
  EXPECT_EQ(run_for(backoff, clock, 10ms)->wait, 200ms);
}

TEST(RestartBackoff, NeverMeansNever) {
  ManualClock clock;
  RestartPolicy never = policy();
  never.when = RestartPolicy::When::never;
  RestartBackoff backoff(never);
  EXPECT_FALSE(run_for(backoff, clock, 1h));
}

TEST(RestartBackoff, OnFailureLeavesAGoodEndAlone) {
  ManualClock clock;
  RestartPolicy on_failure = policy();
  on_failure.when = RestartPolicy::When::on_failure;
  RestartBackoff backoff(on_failure);
  EXPECT_FALSE(run_for(backoff, clock, 1s, false));
  EXPECT_TRUE(run_for(backoff, clock, 1s, true));
}

}  // namespace
}  // namespace stormlog::chaos
