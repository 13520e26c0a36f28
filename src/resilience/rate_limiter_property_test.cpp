#include <cmath>
#include <sstream>
#include <vector>

#include "common/base/random.hpp"
#include "resilience/rate_limiter.hpp"
#include "resilience/testing/property.hpp"

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;

// Sixteenths of a nanosecond, as the limiter rounds to.
using Ticks = std::int64_t;
constexpr Ticks kTicks = 16;

struct LimiterSubject {
  enum class Mistake {
    none,
    burst_one_more,
    refill_beyond_burst,
    wait_must_be_shorter_than_max,
    used_permits_come_back,
    cancel_among_others_gives_back,
    later_ones_overtake,
  };

  struct Step {
    enum class Kind { try_acquire, reserve, use, cancel, advance, look } kind;
    int permits = 1;
    unsigned which = 0;  // of the reservations that are out, modulo their number
    Nanoseconds time{0};
  };
  struct Program {
    RateLimiterConfig config;
    std::vector<Step> steps;
  };

  // What a token bucket must do, from its definition alone: in any stretch of time that ends with a
  // new grant, no more permits than burst + rate × length. Looks at every grant there ever was.
  class Model {
   public:
    Model(const RateLimiterConfig& config, Mistake mistake)
        : burst_(config.burst + (mistake == Mistake::burst_one_more ? 1 : 0)),
          max_wait_(config.max_wait.count() * 1'000'000 * kTicks),
          per_permit_(std::llround(1e9 * kTicks / config.permits_per_second)),
          mistake_(mistake) {}

    // The moment from which the permits are good; empty: refused.
    std::optional<Ticks> take(int permits, Ticks now, bool may_wait) {
      if (permits > burst_) return std::nullopt;
      const Ticks ready = earliest(permits, now);
      const Ticks longest = may_wait ? max_wait_ : 0;
      const bool too_long = mistake_ == Mistake::wait_must_be_shorter_than_max && longest > 0
                                ? ready - now >= longest
                                : ready - now > longest;
      if (too_long) return std::nullopt;
      grants_.push_back({next_++, permits, ready});
      return ready;
    }
    int last() const { return next_ - 1; }

    bool cancel(int grant, Ticks now) {
      const auto found = std::find_if(grants_.begin(), grants_.end(),
                                      [grant](const Grant& one) { return one.number == grant; });
      const bool in_time = now < found->ready || mistake_ == Mistake::used_permits_come_back;
      const bool newest =
          found + 1 == grants_.end() || mistake_ == Mistake::cancel_among_others_gives_back;
      if (!in_time || !newest) return false;
      grants_.erase(found);
      return true;
    }

    Ticks wait(int permits, Ticks now) const { return earliest(permits, now) - now; }

    int available(Ticks now) const {
      Ticks most = burst_;
      Ticks later = 0;
      for (auto one = grants_.rbegin(); one != grants_.rend(); ++one) {
        later += one->permits;
        const double room = std::floor(static_cast<double>(now - one->ready) / per_permit());
        most = std::min(most, burst_ + static_cast<Ticks>(room) - later);
      }
      return static_cast<int>(most);
    }

   private:
    struct Grant {
      int number;
      int permits;
      Ticks ready;
    };
    Ticks earliest(int permits, Ticks now) const {
      Ticks ready = now;
      Ticks later = permits;
      for (auto one = grants_.rbegin(); one != grants_.rend(); ++one) {
        later += one->permits;
        // A bucket that is never full: what was not used long ago would still be there.
        if (mistake_ == Mistake::refill_beyond_burst && one + 1 != grants_.rend()) continue;
        if (mistake_ == Mistake::later_ones_overtake && one->ready > now) {
          later -= one->permits;
          continue;
        }
        ready = std::max(ready, one->ready + (later - burst_) * per_permit_);
      }
      return ready;
    }
    double per_permit() const { return static_cast<double>(per_permit_); }

    Ticks burst_;
    Ticks max_wait_;
    Ticks per_permit_;
    Mistake mistake_;
    std::vector<Grant> grants_;
    int next_ = 0;
  };

  static Program random_program(std::uint64_t seed) {
    Random random(seed);
    const auto pick = [&random](const auto&... values) {
      const double all[] = {static_cast<double>(values)...};
      return all[random.below(sizeof...(values))];
    };
    Program program;
    program.config.permits_per_second = pick(1, 3, 10, 1'000, 333'333.3, 1e7);
    program.config.burst = static_cast<int>(pick(1, 2, 5, 10));
    program.config.max_wait = milliseconds(static_cast<int>(pick(0, 1, 100, 2'000)));
    const Nanoseconds permit{std::llround(1e9 / program.config.permits_per_second)};
    for (std::uint64_t i = 0, count = 5 + random.below(60); i < count; ++i) {
      Step step{.kind = static_cast<Step::Kind>(random.below(6))};
      step.permits = static_cast<int>(pick(1, 1, 1, 2, 3, 6));
      step.which = static_cast<unsigned>(random.below(8));
      const Nanoseconds times[] = {permit,      permit - Nanoseconds(1),
                                   permit / 2,  permit * 3,
                                   permit * 20, Nanoseconds(program.config.max_wait)};
      step.time = times[random.below(6)];
      program.steps.push_back(step);
    }
    return program;
  }

  static std::optional<std::string> run(const Program& program, Mistake mistake) {
    struct Out {
      RateLimiter::Reservation reservation;
      int grant;
      Ticks ready;
    };
    ManualClock clock;
    const MonotonicTime start = clock.now();
    const auto now = [&] { return (clock.now() - start).count() * kTicks; };
    RateLimiter limiter("r", program.config, clock);
    Model model(program.config, mistake);
    std::vector<Out> out;
    std::uint64_t asked = 0;
    std::ostringstream trouble;
    const auto same = [&trouble](const char* what, auto real, auto expected) {
      if (real != expected) trouble << what << " is " << real << ", should be " << expected;
    };
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      const Step& step = program.steps[i];
      trouble << "after step " << i << ": ";
      const auto prefix = trouble.str().size();
      switch (step.kind) {
        case Step::Kind::try_acquire:
          ++asked;
          same("try_acquire", limiter.try_acquire(step.permits),
               model.take(step.permits, now(), false).has_value());
          break;
        case Step::Kind::reserve: {
          ++asked;
          RateLimiter::Reservation reservation = limiter.reserve(step.permits);
          const std::optional<Ticks> ready = model.take(step.permits, now(), true);
          same("reserved", static_cast<bool>(reservation), ready.has_value());
          if (!ready || !reservation) break;
          same("the wait", reservation.wait().count(), (*ready - now() + kTicks - 1) / kTicks);
          if (*ready > now()) out.push_back({std::move(reservation), model.last(), *ready});
          break;
        }
        case Step::Kind::use:
        case Step::Kind::cancel: {
          if (out.empty()) break;
          const auto at = out.begin() + static_cast<std::ptrdiff_t>(step.which % out.size());
          if (step.kind == Step::Kind::use) {
            at->reservation.use();
          } else {
            same("given back", at->reservation.cancel(), model.cancel(at->grant, now()));
          }
          same("given back twice", at->reservation.cancel(), false);
          out.erase(at);
          break;
        }
        case Step::Kind::advance:
          clock.advance(step.time);
          break;
        case Step::Kind::look: {
          const RateLimiter::Metrics metrics = limiter.metrics();
          same("available_permissions", metrics.available_permissions, model.available(now()));
          same("waiting", metrics.waiting, static_cast<int>(out.size()));
          same("granted + refused", metrics.granted + metrics.refused, asked);
          if (step.permits > program.config.burst) break;
          same("retry_after", limiter.retry_after(step.permits).count(),
               (model.wait(step.permits, now()) + kTicks - 1) / kTicks);
          break;
        }
      }
      if (trouble.str().size() > prefix) return trouble.str();
      trouble.str({});
    }
    return std::nullopt;
  }

  static std::string describe(const Program& program) {
    constexpr const char* kNames[] = {"try_acquire", "reserve", "use", "cancel", "advance", "look"};
    std::ostringstream text;
    text << program.config.permits_per_second << "/s, burst " << program.config.burst
         << ", max_wait " << program.config.max_wait.count() << " ms\n";
    for (const Step& step : program.steps) {
      text << "  " << kNames[static_cast<int>(step.kind)] << " permits " << step.permits << " #"
           << step.which << " " << step.time.count() << "ns\n";
    }
    return text.str();
  }
};

using Mistake = LimiterSubject::Mistake;

TEST(RateLimiterProperty, AgreesWithTheDefinition) {
  testing::expect_agreement<LimiterSubject>(testing::programs_or(5'000));
}

class RateLimiterMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(RateLimiterMistake, IsFound) {
  testing::expect_found<LimiterSubject>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, RateLimiterMistake,
                         ::testing::Values(Mistake::burst_one_more, Mistake::refill_beyond_burst,
                                           Mistake::wait_must_be_shorter_than_max,
                                           Mistake::used_permits_come_back,
                                           Mistake::cancel_among_others_gives_back,
                                           Mistake::later_ones_overtake));

}  // namespace
}  // namespace stormlog::resilience
