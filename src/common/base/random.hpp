#pragma once

#include <cstdint>
#include <string_view>

namespace stormlog {

// Seeded pseudo-random generator: the same seed gives the same numbers on every platform.
//
// Threads: caller synchronises; give each thread its own with fork().
// Source:  xoshiro256** and splitmix64 by Blackman and Vigna (prng.di.unimi.it). Not for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed);

  // A generator whose numbers depend on this one's seed and `label` alone, not on how many numbers
  // were drawn before: adding a random choice in one place leaves the others as they were.
  Random fork(std::string_view label) const;

  std::uint64_t next();
  // Uniform in [0, bound); 0 when bound is 0. Without modulo bias.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double uniform();
  // True with probability p.
  bool chance(double p) { return uniform() < p; }

  std::uint64_t seed() const { return seed_; }

  // A seed from the operating system, for whoever was given none.
  static std::uint64_t entropy_seed();

 private:
  std::uint64_t seed_;
  std::uint64_t state_[4];
};

}  // namespace stormlog
