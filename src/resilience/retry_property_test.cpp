#include <cmath>
#include <sstream>
#include <vector>

#include "resilience/retry.hpp"
#include "resilience/testing/property.hpp"

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;

struct RetrySubject {
  enum class Mistake {
    none,
    one_attempt_more,
    cap_forgotten,
    deadline_inclusive,
    budget_allows_at_half,
    success_leaves_budget,
    later_success_counts_as_first,
  };
  struct Step {
    enum class Kind { begin, fail, fail_for_good, succeed, drop, advance } kind;
    Nanoseconds time{0};  // advance; fail: at least so long a wait
  };
  struct Program {
    RetryConfig config;
    bool budget = false;
    std::vector<Step> steps;
  };

  static Program random_program(std::uint64_t seed) {
    Random random(seed);
    Program program;
    RetryConfig& config = program.config;
    config.max_attempts = static_cast<int>(random.below(5));
    config.initial = milliseconds(10);
    config.max = milliseconds(random.chance(0.5) ? 25 : 1'000);
    config.factor = random.chance(0.5) ? 2 : 1;
    config.jitter = random.chance(0.7) ? 0 : 0.5;
    config.total = milliseconds(random.chance(0.5) ? 0 : 60);
    program.budget = random.chance(0.5);
    for (std::uint64_t i = 0, count = 10 + random.below(60); i < count; ++i) {
      constexpr Step::Kind kOften[] = {
          Step::Kind::begin,   Step::Kind::fail,          Step::Kind::fail,
          Step::Kind::fail,    Step::Kind::fail,          Step::Kind::succeed,
          Step::Kind::advance, Step::Kind::fail_for_good, Step::Kind::drop};
      Step step{.kind = kOften[random.below(std::size(kOften))]};
      step.time = milliseconds(random.below(3) * 10);
      program.steps.push_back(step);
    }
    return program;
  }

  // The budget of the model starts low, so that programs meet its half.
  static constexpr double kTokens = 6;

  static std::optional<std::string> run(const Program& program, Mistake mistake) {
    const RetryConfig& config = program.config;
    ManualClock clock;
    RetryBudget budget(kTokens, 0.5);
    Retry retry("r", config, clock, Random(1), program.budget ? &budget : nullptr);
    Retry::Operation operation = retry.begin();

    double tokens = kTokens;
    int attempt = 1;
    bool running = true;
    MonotonicTime begun = clock.now();
    Retry::Metrics counts;
    const auto give_up = [&] {
      (attempt == 1 ? counts.failed_without_retry : counts.failed_with_retry)++;
      running = false;
    };
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      const Step& step = program.steps[i];
      const auto trouble = [i](const std::string& what) {
        return "after step " + std::to_string(i) + ": " + what;
      };
      switch (step.kind) {
        case Step::Kind::begin:
          operation = retry.begin();
          running = true;
          attempt = 1;
          begun = clock.now();
          break;
        case Step::Kind::fail: {
          const std::optional<Nanoseconds> wait = operation.failed(step.time);
          if (!running) {
            if (wait) return trouble("a settled operation goes on");
            break;
          }
          tokens = std::max(0.0, tokens - 1);
          const int attempts = config.max_attempts + (mistake == Mistake::one_attempt_more);
          double longest = 10e6 * std::pow(config.factor, attempt - 1);
          if (mistake != Mistake::cap_forgotten) {
            longest = std::min(longest, static_cast<double>(Nanoseconds(config.max).count()));
          }
          const double low =
              std::max(longest * (1 - config.jitter), static_cast<double>(step.time.count()));
          const double high =
              std::max(longest * (1 + config.jitter), static_cast<double>(step.time.count()));
          const double left =
              config.total.count() == 0
                  ? 1e18
                  : static_cast<double>((begun + config.total - clock.now()).count());
          const bool attempts_left = config.max_attempts == 0 || attempt < attempts;
          const bool budget_left =
              !program.budget || (mistake == Mistake::budget_allows_at_half ? tokens >= kTokens / 2
                                                                            : tokens > kTokens / 2);
          const bool may = attempts_left && budget_left &&
                           (mistake == Mistake::deadline_inclusive ? low <= left : low < left);
          // Within the jitter's width both answers may be right.
          const bool must = attempts_left && budget_left && high < left;
          if (wait && !may) return trouble("it retries");
          if (!wait && must) return trouble("it does not retry");
          if (!wait && config.jitter == 0 && may) return trouble("it does not retry in time");
          if (!wait) {
            give_up();
            break;
          }
          const auto waited = static_cast<double>(wait->count());
          if (waited < low - 1 || waited > high + 1) {
            return trouble("it waits " + std::to_string(wait->count()) + " ns");
          }
          ++attempt;
          break;
        }
        case Step::Kind::fail_for_good:
          operation.failed_for_good();
          if (running) give_up();
          break;
        case Step::Kind::succeed:
          operation.succeeded();
          if (!running) break;
          running = false;
          if (mistake != Mistake::success_leaves_budget) tokens = std::min(kTokens, tokens + 0.5);
          if (attempt == 1 || mistake == Mistake::later_success_counts_as_first) {
            ++counts.successful_without_retry;
          } else {
            ++counts.successful_with_retry;
          }
          break;
        case Step::Kind::drop:
          operation = Retry::Operation();
          running = false;
          break;
        case Step::Kind::advance:
          clock.advance(step.time);
          break;
      }
      if (running && operation.attempt() != attempt) return trouble("the attempt's number");
      const Retry::Metrics real = retry.metrics();
      if (real.successful_without_retry != counts.successful_without_retry ||
          real.successful_with_retry != counts.successful_with_retry ||
          real.failed_without_retry != counts.failed_without_retry ||
          real.failed_with_retry != counts.failed_with_retry) {
        return trouble("the counts differ");
      }
      if (program.budget && std::abs(budget.tokens() - tokens) > 1e-9) {
        return trouble("the budget differs");
      }
    }
    return std::nullopt;
  }

  static std::string describe(const Program& program) {
    constexpr const char* kNames[] = {"begin",   "fail", "fail_for_good",
                                      "succeed", "drop", "advance"};
    const RetryConfig& c = program.config;
    std::ostringstream text;
    text << c.max_attempts << " attempts, 10 ms x " << c.factor << " up to " << c.max.count()
         << " ms +- " << c.jitter << ", total " << c.total.count() << " ms"
         << (program.budget ? ", budget" : "") << "\n";
    for (const Step& step : program.steps) {
      text << "  " << kNames[static_cast<int>(step.kind)] << " " << step.time.count() << "ns\n";
    }
    return text.str();
  }
};

using Mistake = RetrySubject::Mistake;

TEST(RetryProperty, AgreesWithTheModel) {
  testing::expect_agreement<RetrySubject>(testing::programs_or(5'000));
}

class RetryMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(RetryMistake, IsFound) {
  testing::expect_found<RetrySubject>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, RetryMistake,
                         ::testing::Values(Mistake::one_attempt_more, Mistake::cap_forgotten,
                                           Mistake::deadline_inclusive,
                                           Mistake::budget_allows_at_half,
                                           Mistake::success_leaves_budget,
                                           Mistake::later_success_counts_as_first));

}  // namespace
}  // namespace stormlog::resilience
