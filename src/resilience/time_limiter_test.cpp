#include "resilience/time_limiter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>
#include <vector>

#include "common/base/random.hpp"
#include "resilience/testing/property.hpp"

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;

constexpr TimeLimiterConfig kTenMs{.timeout = milliseconds(10)};

// A future of a call that takes `takes` on a manual clock.
struct FakeFuture {
  ManualClock& clock;
  Nanoseconds takes;
  bool throws = false;

  std::future_status wait_for(Nanoseconds time) {
    clock.advance(std::min(time, takes));
    return takes < time ? std::future_status::ready : std::future_status::timeout;
  }
  int get() {
    if (throws) throw std::runtime_error("broken");
    return 7;
  }
};

TEST(TimeLimiter, TheDeadlineIsTheEarlierOne) {
  ManualClock clock;
  TimeLimiter limiter("t", kTenMs, clock);
  EXPECT_EQ(limiter.start().deadline().remaining(), milliseconds(10));
  EXPECT_EQ(limiter.start(Deadline::in(clock, milliseconds(4))).deadline().remaining(),
            milliseconds(4));
  EXPECT_EQ(limiter.start(Deadline::in(clock, milliseconds(40))).deadline().remaining(),
            milliseconds(10));
}

TEST(TimeLimiter, WaitsForAFutureAndNoLonger) {
  ManualClock clock;
  TimeLimiter limiter("t", kTenMs, clock);
  const auto in_time = limiter.get(FakeFuture{clock, milliseconds(9)});
  ASSERT_TRUE(in_time);
  EXPECT_EQ(*in_time, 7);

  const auto late = limiter.get(FakeFuture{clock, milliseconds(11)});
  EXPECT_FALSE(late);
  ASSERT_NE(late.refusal(), nullptr);
  EXPECT_EQ(late.refusal()->guard, Guard::time_limiter);
  EXPECT_EQ(describe(*late.refusal()), "time limiter t: no result in time");

  EXPECT_THROW((void)limiter.get(FakeFuture{clock, milliseconds(1), true}), std::runtime_error);
  const TimeLimiter::Metrics metrics = limiter.metrics();
  EXPECT_EQ(metrics.successful, 1U);
  EXPECT_EQ(metrics.failed, 1U);
  EXPECT_EQ(metrics.timeout, 1U);
}

TEST(TimeLimiter, TakesStandardFuturesOfValuesAndOfNothing) {
  ManualClock clock;
  TimeLimiter limiter("t", kTenMs, clock);
  std::promise<std::string> promise;
  promise.set_value("text");
  const auto outcome = limiter.get(promise.get_future());
  ASSERT_TRUE(outcome);
  EXPECT_EQ(*outcome, "text");
  std::promise<void> nothing;
  nothing.set_value();
  EXPECT_TRUE(limiter.get(nothing.get_future()));
}

TEST(TimeLimiterConfig, SaysWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_TRUE(validate(TimeLimiterConfig{}).ok());
  EXPECT_EQ(validate(TimeLimiterConfig{.timeout = milliseconds(0)}).error().message,
            "timeout is 0 ms; it must be from 1 ms to 3650 days");
}

struct TimeLimiterSubject {
  enum class Mistake { none, late_at_the_deadline_is_in_time, late_failure_is_failure, twice };
  struct Step {
    enum class Kind { start, success, failure, timed_out, drop, advance } kind;
    unsigned which = 0;
    Nanoseconds time{0};  // advance; start: the outer deadline, 0: none
  };
  struct Program {
    std::vector<Step> steps;
  };

  static Program random_program(std::uint64_t seed) {
    Random random(seed);
    Program program;
    for (std::uint64_t i = 0, count = 5 + random.below(40); i < count; ++i) {
      program.steps.push_back({static_cast<Step::Kind>(random.below(6)),
                               static_cast<unsigned>(random.below(8)),
                               milliseconds(random.below(4) * 5)});
    }
    return program;
  }

  static std::optional<std::string> run(const Program& program, Mistake mistake) {
    struct Out {
      TimeLimiter::Call call;
      MonotonicTime until;
    };
    ManualClock clock;
    TimeLimiter limiter("t", kTenMs, clock);
    std::vector<Out> out;
    TimeLimiter::Metrics model;
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      const Step& step = program.steps[i];
      if (step.kind == Step::Kind::advance) {
        clock.advance(step.time);
      } else if (step.kind == Step::Kind::start) {
        const bool outer = step.time.count() > 0;
        out.push_back({limiter.start(outer ? Deadline::in(clock, step.time) : Deadline()),
                       clock.now() + (outer ? std::min<Nanoseconds>(step.time, kTenMs.timeout)
                                            : kTenMs.timeout)});
      } else if (!out.empty()) {
        const auto at = out.begin() + static_cast<std::ptrdiff_t>(step.which % out.size());
        const bool late = mistake == Mistake::late_at_the_deadline_is_in_time
                              ? clock.now() > at->until
                              : clock.now() >= at->until;
        if (step.kind == Step::Kind::success) {
          at->call.success();
          ++(late ? model.timeout : model.successful);
        } else if (step.kind == Step::Kind::failure) {
          at->call.failure();
          const bool counts_late = late && mistake != Mistake::late_failure_is_failure;
          ++(counts_late ? model.timeout : model.failed);
        } else if (step.kind == Step::Kind::timed_out) {
          at->call.timed_out();
          ++model.timeout;
        }
        if (step.kind != Step::Kind::drop) {
          at->call.failure();  // it ends once
          if (mistake == Mistake::twice) ++model.failed;
        }
        out.erase(at);
      }
      const TimeLimiter::Metrics real = limiter.metrics();
      if (real.successful != model.successful || real.failed != model.failed ||
          real.timeout != model.timeout) {
        return "after step " + std::to_string(i) + ": the counts differ";
      }
    }
    return std::nullopt;
  }

  static std::string describe(const Program& program) {
    constexpr const char* kNames[] = {"start",     "success", "failure",
                                      "timed_out", "drop",    "advance"};
    std::ostringstream text;
    for (const Step& step : program.steps) {
      text << "  " << kNames[static_cast<int>(step.kind)] << " #" << step.which << " "
           << step.time.count() << "ns\n";
    }
    return text.str();
  }
};

TEST(TimeLimiterProperty, AgreesWithTheModel) {
  testing::expect_agreement<TimeLimiterSubject>(testing::programs_or(2'000));
}

TEST(TimeLimiterProperty, MistakesAreFound) {
  using Mistake = TimeLimiterSubject::Mistake;
  testing::expect_found<TimeLimiterSubject>(Mistake::late_at_the_deadline_is_in_time);
  testing::expect_found<TimeLimiterSubject>(Mistake::late_failure_is_failure);
  testing::expect_found<TimeLimiterSubject>(Mistake::twice);
}

}  // namespace
}  // namespace stormlog::resilience
