#include "resilience/bulkhead.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "common/base/random.hpp"
#include "resilience/testing/property.hpp"

namespace stormlog::resilience {
namespace {

using std::chrono::milliseconds;

TEST(Bulkhead, AdmitsAsManyAsItHasPlaces) {
  Bulkhead bulkhead("b", {.max_concurrent = 2});
  Bulkhead::Permit one = bulkhead.try_acquire();
  Bulkhead::Permit two = bulkhead.try_acquire();
  EXPECT_TRUE(one);
  EXPECT_TRUE(two);
  EXPECT_FALSE(bulkhead.try_acquire());
  EXPECT_FALSE(bulkhead.acquire());  // max_wait is 0
  EXPECT_EQ(bulkhead.available_concurrent_calls(), 0);
  EXPECT_EQ(bulkhead.max_allowed_concurrent_calls(), 2);
  EXPECT_EQ(bulkhead.refused(), 2U);
  one.release();
  one.release();
  EXPECT_FALSE(one);
  EXPECT_EQ(bulkhead.available_concurrent_calls(), 1);
  EXPECT_TRUE(bulkhead.try_acquire());
}

TEST(Bulkhead, GivesUpAfterTheWait) {
  Bulkhead bulkhead("b", {.max_concurrent = 1, .max_wait = milliseconds(1)});
  const Bulkhead::Permit only = bulkhead.try_acquire();
  EXPECT_FALSE(bulkhead.acquire());
  EXPECT_FALSE(bulkhead.acquire(Nanoseconds{0}));
  EXPECT_EQ(bulkhead.waiting(), 0);
  EXPECT_EQ(bulkhead.available_concurrent_calls(), 0);
}

TEST(BulkheadConfig, SaysWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_TRUE(validate(BulkheadConfig{}).ok());
  EXPECT_EQ(validate({.max_concurrent = 0}).error().message,
            "max_concurrent is 0; it must be from 1 to 1000000000");
  EXPECT_FALSE(validate({.max_wait = milliseconds(-1)}).ok());
  EXPECT_THROW(Bulkhead("b", {.max_concurrent = 0}), std::invalid_argument);
}

struct BulkheadSubject {
  enum class Mistake { none, one_more, released_twice };
  struct Step {
    enum class Kind { acquire, release, move } kind;
    unsigned which = 0;
  };
  struct Program {
    int places = 1;
    std::vector<Step> steps;
  };

  static Program random_program(std::uint64_t seed) {
    Random random(seed);
    Program program;
    program.places = 1 + static_cast<int>(random.below(4));
    for (std::uint64_t i = 0, count = 5 + random.below(40); i < count; ++i) {
      program.steps.push_back(
          {static_cast<Step::Kind>(random.below(3)), static_cast<unsigned>(random.below(8))});
    }
    return program;
  }

  // The model: a list of who is in.
  static std::optional<std::string> run(const Program& program, Mistake mistake) {
    Bulkhead bulkhead("b", {.max_concurrent = program.places});
    std::vector<Bulkhead::Permit> in;
    int model = program.places + (mistake == Mistake::one_more ? 1 : 0);
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      const Step& step = program.steps[i];
      if (step.kind == Step::Kind::acquire) {
        Bulkhead::Permit permit = bulkhead.try_acquire();
        if (static_cast<bool>(permit) != (model > 0)) {
          return "step " + std::to_string(i) + ": admitted differs";
        }
        if (!permit) continue;
        --model;
        in.push_back(std::move(permit));
      } else if (!in.empty()) {
        const std::size_t which = step.which % in.size();
        if (step.kind == Step::Kind::move) {
          Bulkhead::Permit moved = std::move(in[which]);
          in[which] = std::move(moved);
          continue;
        }
        in[which].release();
        in[which].release();
        model += mistake == Mistake::released_twice ? 2 : 1;
        in.erase(in.begin() + static_cast<std::ptrdiff_t>(which));
      }
      if (bulkhead.available_concurrent_calls() != model) {
        return "step " + std::to_string(i) + ": available differs";
      }
    }
    in.clear();
    if (bulkhead.available_concurrent_calls() != program.places) return "a place was lost";
    return std::nullopt;
  }

  static std::string describe(const Program& program) {
    constexpr const char* kNames[] = {"acquire", "release", "move"};
    std::ostringstream text;
    text << program.places << " places\n";
    for (const Step& step : program.steps) {
      text << "  " << kNames[static_cast<int>(step.kind)] << " #" << step.which << "\n";
    }
    return text.str();
  }
};

TEST(BulkheadProperty, AgreesWithTheModel) {
  testing::expect_agreement<BulkheadSubject>(testing::programs_or(2'000));
}

TEST(BulkheadProperty, MistakesAreFound) {
  testing::expect_found<BulkheadSubject>(BulkheadSubject::Mistake::one_more);
  testing::expect_found<BulkheadSubject>(BulkheadSubject::Mistake::released_twice);
}

}  // namespace
}  // namespace stormlog::resilience
