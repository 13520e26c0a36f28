#include "resilience/circuit_breaker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A breaker with small numbers: four of the last ten calls must be there, half of them failed.
CircuitBreakerConfig small() {
  CircuitBreakerConfig config;
  config.window_size = 10;
  config.minimum_calls = 4;
  config.slow_call = milliseconds(100);
  config.half_open_permits = 2;
  config.open_wait = seconds(1);
  config.open_wait_max = seconds(1);
  return config;
}

struct Fixture {
  explicit Fixture(CircuitBreakerConfig config = small()) : breaker("b", config, clock, Random(7)) {
    breaker.on_event([this](const BreakerEvent& event) { events.push_back(event); });
  }

  void succeed(int times = 1) {
    for (int i = 0; i < times; ++i) breaker.acquire().success();
  }
  void fail(int times = 1) {
    for (int i = 0; i < times; ++i) breaker.acquire().failure();
  }
  void trip() {
    fail(4);
    ASSERT_EQ(breaker.state(), BreakerState::open);
  }
  void go_half_open() {
    trip();
    clock.advance(seconds(1));
    breaker.acquire().ignore();
    ASSERT_EQ(breaker.state(), BreakerState::half_open);
  }
  std::vector<std::string> transitions() const {
    std::vector<std::string> all;
    for (const BreakerEvent& event : events) {
      if (event.type != BreakerEvent::Type::state_transition) continue;
      all.push_back(std::string(to_string(event.from)) + ">" + std::string(to_string(event.to)) +
                    " " + std::string(to_string(event.reason)));
    }
    return all;
  }

  ManualClock clock;
  std::vector<BreakerEvent> events;
  CircuitBreaker breaker;
};

TEST(CircuitBreaker, TripsAtTheThresholdOnceTheMinimumIsReached) {
  Fixture f;
  f.fail(2);
  f.succeed(1);
  EXPECT_EQ(f.breaker.state(), BreakerState::closed);
  EXPECT_EQ(f.breaker.metrics().failure_rate_percent, -1);
  f.succeed(1);  // also a success can complete the minimum: 2 of 4 is 50 %
  EXPECT_EQ(f.breaker.state(), BreakerState::open);
  EXPECT_EQ(f.breaker.metrics().failure_rate_percent, 50);
  EXPECT_FALSE(f.breaker.acquire());
  EXPECT_EQ(f.breaker.metrics().not_permitted, 1U);
}

TEST(CircuitBreaker, AMinimumAboveTheCountWindowIsTheWindow) {
  CircuitBreakerConfig config = small();
  config.minimum_calls = 100;
  Fixture f(config);
  f.fail(9);
  EXPECT_EQ(f.breaker.state(), BreakerState::closed);
  f.fail(1);
  EXPECT_EQ(f.breaker.state(), BreakerState::open);
}

TEST(CircuitBreaker, SlowMeansLongerThanTheThreshold) {
  Fixture f;
  f.breaker.acquire().success(milliseconds(100));
  for (int i = 0; i < 3; ++i) f.breaker.acquire().success(milliseconds(101));
  EXPECT_EQ(f.breaker.state(), BreakerState::closed);
  EXPECT_EQ(f.breaker.metrics().slow_rate_percent, 75);
  Fixture all_slow;
  for (int i = 0; i < 4; ++i) all_slow.breaker.acquire().success(milliseconds(101));
  EXPECT_THAT(all_slow.transitions(), ElementsAre("closed>open slow_call_rate"));
  EXPECT_EQ(all_slow.events.front().type, BreakerEvent::Type::slow_call_rate_exceeded);
  EXPECT_EQ(all_slow.events.front().rate_percent, 100);
}

TEST(CircuitBreaker, FailuresInARowTripWhateverTheRate) {
  CircuitBreakerConfig config = small();
  config.minimum_calls = 10;
  config.consecutive_failures = 3;
  Fixture f(config);
  f.fail(2);
  f.succeed();
  f.fail(2);
  EXPECT_EQ(f.breaker.state(), BreakerState::closed);
  f.breaker.acquire().ignore();  // neither counts nor ends the row
  f.fail(1);
  EXPECT_THAT(f.transitions(), ElementsAre("closed>open consecutive_failures"));
}

TEST(CircuitBreaker, AllProbesGoodCloses) {
  Fixture f;
  f.go_half_open();
  f.succeed(1);
  EXPECT_EQ(f.breaker.state(), BreakerState::half_open);
  f.succeed(1);
  EXPECT_THAT(f.transitions(), ElementsAre("closed>open failure_rate", "open>half_open wait_over",
                                           "half_open>closed recovered"));
  EXPECT_EQ(f.breaker.metrics().buffered, 0U);  // a fresh start
}

TEST(CircuitBreaker, HalfOpenIsLeftAsSoonAsItCannotEndWell) {
  CircuitBreakerConfig config = small();
  config.half_open_permits = 4;
  Fixture f(config);
  f.go_half_open();
  f.fail(1);
  EXPECT_EQ(f.breaker.state(), BreakerState::half_open);
  f.fail(1);  // two of four will have failed, whatever the others do
  EXPECT_EQ(f.breaker.state(), BreakerState::open);
}

TEST(CircuitBreaker, FewerCallsThanPermitsDecideWhereTheMinimumIsSmaller) {
  CircuitBreakerConfig config = small();
  config.minimum_calls = 2;
  config.half_open_permits = 5;
  Fixture f(config);
  f.trip();
  f.clock.advance(seconds(1));
  f.succeed(2);
  EXPECT_EQ(f.breaker.state(), BreakerState::closed);
}

TEST(CircuitBreaker, HalfOpenAdmitsNoMoreThanItsPermits) {
  Fixture f;
  f.go_half_open();
  Permit first = f.breaker.acquire();
  Permit second = f.breaker.acquire();
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(f.breaker.acquire());
  EXPECT_FALSE(f.breaker.would_permit());
  first = Permit();  // dropped unsettled: released
  EXPECT_TRUE(f.breaker.would_permit());
  EXPECT_TRUE(f.breaker.acquire());
}

TEST(CircuitBreaker, ResultsOfAnEarlierGenerationGoToTheMetricsAlone) {
  Fixture f;
  Permit of_closed = f.breaker.acquire();
  Permit another = f.breaker.acquire();
  f.go_half_open();
  of_closed.success();
  another.failure();
  EXPECT_EQ(f.breaker.state(), BreakerState::half_open);
  const CircuitBreaker::Metrics metrics = f.breaker.metrics();
  EXPECT_EQ(metrics.buffered, 0U);
  EXPECT_EQ(metrics.successful, 1U);
  EXPECT_EQ(metrics.failed, 5U);
}

TEST(CircuitBreaker, AProbeThatNeverEndsGivesItsPermitBack) {
  CircuitBreakerConfig config = small();
  config.half_open_permits = 1;
  config.half_open_lease = milliseconds(200);
  Fixture f(config);
  f.go_half_open();
  Permit hangs = f.breaker.acquire();
  EXPECT_FALSE(f.breaker.acquire());
  f.clock.advance(milliseconds(200));
  Permit next = f.breaker.acquire();
  ASSERT_TRUE(next);
  hangs.failure();  // too late: neither a decision nor the other's permit
  EXPECT_EQ(f.breaker.state(), BreakerState::half_open);
  EXPECT_FALSE(f.breaker.acquire());
  next.success();
  EXPECT_EQ(f.breaker.state(), BreakerState::closed);
}

TEST(CircuitBreaker, HalfOpenWithoutADecisionFallsBack) {
  CircuitBreakerConfig config = small();
  config.half_open_max = seconds(5);
  Fixture f(config);
  f.go_half_open();
  f.clock.advance(seconds(5));
  EXPECT_FALSE(f.breaker.would_permit());
  EXPECT_FALSE(f.breaker.acquire());
  EXPECT_EQ(f.transitions().back(), "half_open>open half_open_over");
}

TEST(CircuitBreaker, WaitsLongerAfterEachFailedProbeUpToTheCap) {
  CircuitBreakerConfig config = small();
  config.half_open_permits = 1;
  config.open_wait_factor = 2;
  config.open_wait_max = seconds(5);
  Fixture f(config);
  f.trip();
  for (const seconds expected : {seconds(1), seconds(2), seconds(4), seconds(5), seconds(5)}) {
    EXPECT_EQ(f.breaker.remaining_open(), expected);
    f.clock.advance(expected - milliseconds(1));
    EXPECT_FALSE(f.breaker.acquire());
    f.clock.advance(milliseconds(1));
    f.fail();
  }
  f.clock.advance(seconds(5));
  f.succeed();
  f.trip();
  EXPECT_EQ(f.breaker.remaining_open(), seconds(1));  // it had been closed
}

TEST(CircuitBreaker, JitterSpreadsTheWaitAlsoAtTheCap) {
  CircuitBreakerConfig config = small();
  config.open_wait_jitter = 0.2;
  Fixture f(config);
  std::vector<Nanoseconds> waits;
  for (int i = 0; i < 50; ++i) {
    f.breaker.transition_to(BreakerState::open);
    waits.push_back(f.breaker.remaining_open());
    f.breaker.transition_to(BreakerState::closed);
  }
  const auto [least, most] = std::minmax_element(waits.begin(), waits.end());
  EXPECT_GE(*least, milliseconds(800));
  EXPECT_LE(*most, milliseconds(1'200));
  EXPECT_GT(*most - *least, milliseconds(200));
}

TEST(CircuitBreaker, GoesHalfOpenByItselfOnlyWhenAskedTo) {
  Fixture by_call;
  by_call.trip();
  by_call.clock.advance(seconds(1));
  by_call.breaker.tick();
  EXPECT_EQ(by_call.breaker.state(), BreakerState::open);
  CircuitBreakerConfig config = small();
  config.automatic_half_open = true;
  Fixture by_itself(config);
  by_itself.trip();
  by_itself.clock.advance(milliseconds(999));
  by_itself.breaker.tick();
  EXPECT_EQ(by_itself.breaker.state(), BreakerState::open);
  by_itself.clock.advance(milliseconds(1));
  by_itself.breaker.tick();
  EXPECT_EQ(by_itself.breaker.state(), BreakerState::half_open);
}

TEST(CircuitBreaker, AStepOfTheWallClockChangesNothing) {
  Fixture f;
  f.trip();
  f.clock.step_wall(std::chrono::hours(24));
  EXPECT_FALSE(f.breaker.acquire());
  EXPECT_EQ(f.breaker.remaining_open(), seconds(1));
  f.clock.step_wall(-std::chrono::hours(48));
  f.clock.advance(seconds(1));
  EXPECT_TRUE(f.breaker.acquire());
}

TEST(CircuitBreaker, ATimeWindowForgetsWhatIsOld) {
  CircuitBreakerConfig config = small();
  config.window = CircuitBreakerConfig::Window::time;
  config.window_size = 3;
  Fixture f(config);
  f.fail(3);
  f.clock.advance(seconds(2));
  EXPECT_EQ(f.breaker.metrics().buffered, 3U);
  f.clock.advance(seconds(1));
  EXPECT_EQ(f.breaker.metrics().buffered, 0U);
  f.fail(3);
  EXPECT_EQ(f.breaker.state(), BreakerState::closed);
}

TEST(CircuitBreaker, ASuccessTripsATimeWindowThatOlderSuccessesHaveLeft) {
  CircuitBreakerConfig config = small();
  config.window = CircuitBreakerConfig::Window::time;
  config.window_size = 3;
  Fixture f(config);
  f.succeed(10);
  f.clock.advance(seconds(2));
  f.succeed(1);
  f.fail(3);
  EXPECT_EQ(f.breaker.state(), BreakerState::closed);
  f.clock.advance(seconds(1));
  f.succeed(1);  // 3 of 5
  EXPECT_EQ(f.breaker.state(), BreakerState::open);
}

TEST(CircuitBreaker, CallsThatHangAreSlowBeforeTheyEnd) {
  CircuitBreakerConfig config = small();
  config.count_inflight_slow = true;
  config.slow_rate_percent = 100;
  Fixture f(config);
  std::vector<Permit> hang;
  for (int i = 0; i < 4; ++i) hang.push_back(f.breaker.acquire());
  f.clock.advance(milliseconds(100));
  f.breaker.tick();
  EXPECT_EQ(f.breaker.metrics().buffered, 0U);
  f.clock.advance(milliseconds(1));
  f.breaker.tick();
  EXPECT_THAT(f.transitions(), ElementsAre("closed>open slow_call_rate"));
}

TEST(CircuitBreaker, ACallThatHungIsPutRightWhenItEnds) {
  CircuitBreakerConfig config = small();
  config.count_inflight_slow = true;
  Fixture f(config);
  Permit fails = f.breaker.acquire();
  Permit succeeds = f.breaker.acquire();
  Permit is_dropped = f.breaker.acquire();
  f.clock.advance(milliseconds(101));
  f.breaker.tick();
  EXPECT_EQ(f.breaker.metrics().buffered_slow, 3U);
  fails.failure();
  succeeds.success(milliseconds(50));  // the caller measured better
  is_dropped.ignore();
  const CircuitBreaker::Metrics metrics = f.breaker.metrics();
  EXPECT_EQ(metrics.buffered, 2U);
  EXPECT_EQ(metrics.buffered_failed, 1U);
  EXPECT_EQ(metrics.buffered_slow, 1U);
  EXPECT_EQ(metrics.buffered_slow_failed, 1U);
}

TEST(CircuitBreaker, AnIgnoredCallThatHungLeavesRatesThatTheNextSuccessLooksAt) {
  CircuitBreakerConfig config = small();
  config.window_size = 3;
  config.minimum_calls = 2;
  config.count_inflight_slow = true;
  Fixture f(config);
  Permit hangs = f.breaker.acquire();
  f.succeed(2);
  f.clock.advance(milliseconds(101));
  f.fail(1);
  f.breaker.tick();  // success, failure, slow: a third
  hangs.ignore();    // success, failure: half, but nothing was recorded
  EXPECT_EQ(f.breaker.state(), BreakerState::closed);
  f.succeed(1);  // failure, success
  EXPECT_EQ(f.breaker.state(), BreakerState::open);
}

TEST(CircuitBreaker, StatesByHand) {
  Fixture f;
  EXPECT_FALSE(f.breaker.transition_to(BreakerState::half_open));
  EXPECT_TRUE(f.breaker.transition_to(BreakerState::closed));
  EXPECT_TRUE(f.transitions().empty());

  EXPECT_TRUE(f.breaker.transition_to(BreakerState::forced_open));
  f.clock.advance(seconds(100));
  EXPECT_FALSE(f.breaker.acquire());
  EXPECT_EQ(f.breaker.metrics().not_permitted, 1U);
  EXPECT_EQ(f.breaker.remaining_open(), Nanoseconds{0});

  EXPECT_TRUE(f.breaker.transition_to(BreakerState::disabled));
  f.fail(20);
  EXPECT_EQ(f.breaker.state(), BreakerState::disabled);
  EXPECT_EQ(f.breaker.metrics().buffered, 0U);
  EXPECT_EQ(f.breaker.metrics().failed, 20U);

  EXPECT_TRUE(f.breaker.transition_to(BreakerState::metrics_only));
  f.fail(20);
  EXPECT_EQ(f.breaker.state(), BreakerState::metrics_only);
  EXPECT_EQ(f.breaker.metrics().failure_rate_percent, 100);
  const auto told = std::count_if(f.events.begin(), f.events.end(), [](const BreakerEvent& event) {
    return event.type == BreakerEvent::Type::failure_rate_exceeded;
  });
  EXPECT_EQ(told, 1);  // said once, not with each call
}

TEST(CircuitBreaker, ResetForgetsTheWindowAndCallsUnderWay) {
  Fixture f;
  f.fail(3);
  Permit under_way = f.breaker.acquire();
  f.breaker.reset();
  under_way.failure();
  EXPECT_EQ(f.breaker.metrics().buffered, 0U);
  EXPECT_EQ(f.breaker.metrics().failed, 4U);  // a counter never goes back
  EXPECT_EQ(f.breaker.metrics().transitions, 0U);
  ASSERT_EQ(f.events.size(), 1U);
  EXPECT_EQ(f.events.front().type, BreakerEvent::Type::reset);
}

TEST(CircuitBreaker, TimesAndMaxima) {
  Fixture f;
  Permit permit = f.breaker.acquire();
  f.clock.advance(milliseconds(40));
  permit.success();
  f.breaker.acquire().success(seconds(7));  // longer than a stripe can hold
  f.breaker.acquire().failure(milliseconds(30));
  f.breaker.acquire().success(-seconds(1));  // nonsense counts as 0
  CircuitBreaker::Metrics metrics = f.breaker.metrics();
  EXPECT_EQ(metrics.successful, 3U);
  EXPECT_DOUBLE_EQ(metrics.successful_seconds, 7.04);
  EXPECT_DOUBLE_EQ(metrics.successful_max_seconds, 7);
  EXPECT_DOUBLE_EQ(metrics.failed_max_seconds, 0.03);
  metrics = f.breaker.metrics();
  EXPECT_EQ(metrics.successful_max_seconds, 0);
  EXPECT_DOUBLE_EQ(metrics.successful_seconds, 7.04);
}

TEST(CircuitBreaker, MoreSuccessesThanAStripeHolds) {
  Fixture f;
  f.succeed(20'000);
  for (int i = 0; i < 100; ++i) f.breaker.acquire().success(milliseconds(90));
  const CircuitBreaker::Metrics metrics = f.breaker.metrics();
  EXPECT_EQ(metrics.successful, 20'100U);
  EXPECT_NEAR(metrics.successful_seconds, 9, 1e-9);
  EXPECT_EQ(metrics.buffered, 10U);
}

TEST(CircuitBreaker, AMovedPermitSettlesOnce) {
  Fixture f;
  Permit permit = f.breaker.acquire();
  Permit moved = std::move(permit);
  permit.failure();  // NOLINT(bugprone-use-after-move): that it does nothing is the point
  EXPECT_FALSE(permit);
  moved.success();
  moved.failure();
  moved = f.breaker.acquire();
  moved = Permit();
  const CircuitBreaker::Metrics metrics = f.breaker.metrics();
  EXPECT_EQ(metrics.successful, 1U);
  EXPECT_EQ(metrics.failed, 0U);
  EXPECT_EQ(metrics.ignored, 1U);
}

TEST(CircuitBreaker, AListenerMayUseTheBreakerAndHearsOfItLater) {
  Fixture f;
  std::vector<std::string> heard;
  f.breaker.on_event([&](const BreakerEvent& event) {
    if (event.type != BreakerEvent::Type::state_transition) return;
    heard.push_back(std::string(to_string(event.to)));
    if (event.to == BreakerState::open) {
      EXPECT_TRUE(f.breaker.transition_to(BreakerState::half_open));
      EXPECT_EQ(heard.size(), 1U);  // not from within itself
    }
  });
  f.fail(4);
  EXPECT_THAT(heard, ElementsAre("open", "half_open"));
}

TEST(CircuitBreaker, AListenerThatThrowsHarmsNobody) {
  Fixture f;
  int after = 0;
  f.breaker.on_event([](const BreakerEvent&) { throw std::runtime_error("no"); });
  f.breaker.on_event([&after](const BreakerEvent&) { ++after; });
  f.trip();
  f.breaker.reset();
  EXPECT_EQ(after, 4);  // rate exceeded, closed>open, open>closed, reset
  EXPECT_EQ(f.breaker.metrics().listener_errors, 4U);
}

TEST(CircuitBreakerConfig, SaysWhatIsWrongAndWhatWouldBeRight) {
  const ManualClock clock;
  EXPECT_TRUE(validate({}).ok());
  CircuitBreakerConfig config;
  config.failure_rate_percent = 0;
  EXPECT_EQ(validate(config).error().message,
            "failure_rate_percent is 0; it must be above 0 and at most 100");
  config = {};
  config.half_open_permits = 0;
  EXPECT_EQ(validate(config).error().message, "half_open_permits is 0; it must be from 1 to 65535");
  config = {};
  config.open_wait = milliseconds::max();
  EXPECT_THAT(validate(config).error().message, HasSubstr("it must be from 0 ms to 3650 days"));
  config = {};
  config.open_wait_factor = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(validate(config).ok());
  try {
    CircuitBreaker breaker("kafka", config, clock, Random(1));
    FAIL() << "built from nonsense";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("circuit breaker kafka: open_wait_factor is nan"));
  }
}

}  // namespace
}  // namespace stormlog::resilience
