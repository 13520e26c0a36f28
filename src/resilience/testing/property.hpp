#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

// Property tests: random programs run against the real thing and against a model that is too simple
// to be wrong. A program is anything with `steps`. One that shows a difference is shrunk to the
// steps that matter, so that a person can read it.
namespace stormlog::resilience::testing {

// How many programs to run; STORMLOG_PROPERTY_PROGRAMS asks for more than fit into every day's
// tests.
inline std::uint64_t programs_or(std::uint64_t usual) {
  const char* asked = std::getenv("STORMLOG_PROPERTY_PROGRAMS");
  return asked != nullptr ? std::stoull(asked) : usual;
}

// The smallest program that still fails, as far as leaving steps out goes: first large pieces, then
// ever smaller ones; again as long as something could be left out.
template <typename Program, typename Fails>
Program shrink_steps(Program program, const Fails& fails) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (std::size_t piece = std::max<std::size_t>(1, program.steps.size() / 2); piece > 0;
         piece /= 2) {
      for (std::size_t at = 0; at + piece <= program.steps.size();) {
        Program candidate = program;
        const auto first = candidate.steps.begin() + static_cast<std::ptrdiff_t>(at);
        candidate.steps.erase(first, first + static_cast<std::ptrdiff_t>(piece));
        if (fails(candidate)) {
          program = std::move(candidate);
          smaller = true;
        } else {
          at += piece;
        }
      }
    }
  }
  return program;
}

// `Subject` has: random_program(seed); run(program, mistake), which says what differed and after
// which step; describe(program); and an enum Mistake with `none`, the mistakes that the model can
// be told to make.
template <typename Subject>
void expect_agreement(std::uint64_t programs) {
  const auto fails = [](const auto& program) {
    return Subject::run(program, Subject::Mistake::none).has_value();
  };
  for (std::uint64_t seed = 1; seed <= programs; ++seed) {
    const auto program = Subject::random_program(seed);
    if (!fails(program)) continue;
    const auto smallest = shrink_steps(program, fails);
    FAIL() << "seed " << seed << ": " << *Subject::run(smallest, Subject::Mistake::none) << "\n"
           << Subject::describe(smallest);
  }
}

// A test that cannot fail proves nothing: for the mistake a program must be found on which the two
// differ, and it must shrink to something short.
template <typename Subject>
void expect_found(typename Subject::Mistake mistake, std::uint64_t programs = 2'000) {
  const auto fails = [mistake](const auto& program) {
    return Subject::run(program, mistake).has_value();
  };
  for (std::uint64_t seed = 1; seed <= programs; ++seed) {
    const auto program = Subject::random_program(seed);
    if (!fails(program)) continue;
    const auto smallest = shrink_steps(program, fails);
    EXPECT_FALSE(Subject::run(smallest, Subject::Mistake::none).has_value());
    EXPECT_LE(smallest.steps.size(), 12U) << Subject::describe(smallest);
    return;
  }
  FAIL() << "no program shows it";
}

}  // namespace stormlog::resilience::testing
