#include "resilience/testing/breaker_program.hpp"

#include <algorithm>
#include <sstream>
#include <string_view>

#include "resilience/testing/property.hpp"

namespace stormlog::resilience::testing {
namespace {

using std::chrono::milliseconds;

template <typename T, std::size_t N>
T pick(Random& random, const T (&from)[N]) {
  return from[random.below(N)];
}

int between(Random& random, int least, int most) {
  return least + static_cast<int>(random.below(static_cast<std::uint64_t>(most - least + 1)));
}

// Small numbers, so that limits are met often; the rates include those that never divide evenly.
CircuitBreakerConfig random_config(Random random) {
  constexpr double kRates[] = {0.5, 20, 33.3, 50, 50, 75, 100};
  CircuitBreakerConfig config;
  config.window =
      random.chance(0.5) ? CircuitBreakerConfig::Window::count : CircuitBreakerConfig::Window::time;
  config.window_size = between(random, 1, 10);
  config.minimum_calls = between(random, 1, 12);
  config.failure_rate_percent = pick(random, kRates);
  config.slow_rate_percent = pick(random, kRates);
  config.slow_call = milliseconds(pick(random, {0, 5, 20, 60'000}));
  config.consecutive_failures = random.chance(0.5) ? 0 : between(random, 1, 4);
  config.half_open_permits = between(random, 1, 5);
  config.open_wait = milliseconds(pick(random, {1, 100, 1'000}));
  config.open_wait_max = milliseconds(pick(random, {50, 300, 5'000}));
  config.open_wait_factor = pick(random, {1.0, 1.5, 2.0});
  config.open_wait_jitter = pick(random, {0.0, 0.0, 0.2});
  config.automatic_half_open = random.chance(0.5);
  config.half_open_lease = milliseconds(pick(random, {0, 30, 500}));
  config.half_open_max = milliseconds(pick(random, {0, 0, 80, 2'000}));
  config.count_inflight_slow = random.chance(0.5);
  return config;
}

Step random_step(Random& random, const CircuitBreakerConfig& config, double failing,
                 double ignored) {
  using Kind = Step::Kind;
  Step step;
  step.permit = static_cast<unsigned>(random.below(8));
  const std::uint64_t dice = random.below(100);
  if (dice < 36) {
    step.kind = Kind::acquire;
  } else if (dice < 73 && random.chance(ignored)) {
    step.kind = random.chance(0.5) ? Kind::ignore : Kind::drop;
  } else if (dice < 73) {
    step.kind = random.chance(failing) ? Kind::failure : Kind::success;
    if (random.chance(0.3)) {
      step.duration =
          config.slow_call + Nanoseconds(pick(random, {-1, 0, 1}));  // around the threshold
      step.duration = std::max(*step.duration, Nanoseconds{0});
    }
  } else if (dice < 86) {
    step.kind = Kind::advance;
    step.time = pick(
        random, {Nanoseconds(1'000), Nanoseconds(config.slow_call), Nanoseconds(milliseconds(10)),
                 Nanoseconds(milliseconds(100)), Nanoseconds(milliseconds(1'000)),
                 Nanoseconds(config.open_wait), Nanoseconds(config.half_open_lease)});
    if (step.time > milliseconds(5'000)) step.time = milliseconds(5'000);
  } else if (dice < 88) {
    step.kind = Kind::step_wall_clock;
    step.time = milliseconds(between(random, -100'000'000, 100'000'000));
  } else if (dice < 94) {
    step.kind = Kind::tick;
  } else if (dice < 96) {
    step.kind = Kind::transition;
    step.to = static_cast<BreakerState>(random.below(6));
  } else if (dice < 97) {
    step.kind = Kind::reset;
  } else {
    step.kind = Kind::metrics;
  }
  return step;
}

std::string_view name_of(Step::Kind kind) {
  constexpr std::string_view kNames[] = {"acquire",    "success", "failure",         "ignore",
                                         "drop",       "advance", "step_wall_clock", "tick",
                                         "transition", "reset",   "metrics"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string text(Nanoseconds time) {
  return std::to_string(time.count()) + "ns";
}

void describe(std::ostream& out, const Step& step) {
  using Kind = Step::Kind;
  out << name_of(step.kind);
  switch (step.kind) {
    case Kind::success:
    case Kind::failure:
      out << " #" << step.permit;
      if (step.duration) out << " took " << text(*step.duration);
      break;
    case Kind::ignore:
    case Kind::drop:
      out << " #" << step.permit;
      break;
    case Kind::advance:
    case Kind::step_wall_clock:
      out << " " << text(step.time);
      break;
    case Kind::transition:
      out << " to " << to_string(step.to);
      break;
    default:
      break;
  }
}

bool still_fails(const Program& program, Mistake mistake) {
  return run(program, mistake).has_value();
}

}  // namespace

Program random_program(std::uint64_t seed) {
  Random random(seed);
  Program program;
  program.seed = seed;
  program.config = random_config(random.fork("config"));
  Random steps = random.fork("steps");
  const double failing = pick(steps, {0.05, 0.3, 0.5, 0.9});
  const double ignored = pick(steps, {0.0, 0.05, 0.3});
  const std::uint64_t count = 20 + steps.below(180);
  for (std::uint64_t i = 0; i < count; ++i) {
    program.steps.push_back(random_step(steps, program.config, failing, ignored));
  }
  return program;
}

Program shrink(Program program, Mistake mistake) {
  program = shrink_steps(std::move(program), [mistake](const Program& candidate) {
    return still_fails(candidate, mistake);
  });
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    Program candidate = program;
    candidate.steps[i].permit = 0;
    candidate.steps[i].duration.reset();
    if (still_fails(candidate, mistake)) program = std::move(candidate);
  }
  return program;
}

std::string describe(const Program& program) {
  const CircuitBreakerConfig& c = program.config;
  std::ostringstream out;
  out << "seed " << program.seed << "\n"
      << (c.window == CircuitBreakerConfig::Window::count ? "count" : "time") << " window "
      << c.window_size << ", minimum " << c.minimum_calls << ", failures " << c.failure_rate_percent
      << " %, slow " << c.slow_rate_percent << " % above " << c.slow_call.count()
      << " ms, in a row " << c.consecutive_failures << ", permits " << c.half_open_permits
      << ", open " << c.open_wait.count() << " ms x " << c.open_wait_factor << " up to "
      << c.open_wait_max.count() << " ms +- " << c.open_wait_jitter
      << (c.automatic_half_open ? ", automatic" : "") << ", lease " << c.half_open_lease.count()
      << " ms, half-open at most " << c.half_open_max.count() << " ms"
      << (c.count_inflight_slow ? ", hanging calls count" : "") << "\n";
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    out << "  " << i << ". ";
    describe(out, program.steps[i]);
    out << "\n";
  }
  return out.str();
}

}  // namespace stormlog::resilience::testing
