#include "proxy/toxic/chain.hpp"

#include <gmock/gmock.h>

#include "proxy/toxic/stage_test_support.hpp"

namespace stormlog::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChainTest : public testing::Test {
 protected:
  std::shared_ptr<const Toxic> toxic(std::string name, const std::string& type,
                                     const StageDriver::Values& values = {}, double toxicity = 1) {
    const ToxicType* found = find_toxic_type(type);
    Toxic made{next_id_++,         std::move(name), found,
               Stream::downstream, toxicity,        Attributes(found->attributes)};
    for (const auto& [attribute, value] : values) {
      EXPECT_TRUE(made.attributes.set(*found->attribute(attribute), value).ok()) << attribute;
    }
    return std::make_shared<const Toxic>(std::move(made));
  }
  std::shared_ptr<const Toxic> changed(const std::shared_ptr<const Toxic>& before,
                                       const StageDriver::Values& values) {
    Toxic made = *before;
    for (const auto& [attribute, value] : values) {
      EXPECT_TRUE(made.attributes.set(*made.type->attribute(attribute), value).ok());
    }
    return std::make_shared<const Toxic>(std::move(made));
  }
  void push(const std::string& bytes) {
    chain_.push({ByteSlice::copy_of(bytes), out_.now}, out_.now);
  }
  void run_until(Nanoseconds since_start) {
    const MonotonicTime target = out_.start + since_start;
    for (auto due = chain_.deadline(); due && *due <= target; due = chain_.deadline()) {
      out_.now = std::max(out_.now, *due);
      chain_.wake(out_.now);
    }
    out_.now = std::max(out_.now, target);
  }

  Recorder out_;
  Chain chain_{Stream::downstream, {Random(1)}, out_};
  std::uint64_t next_id_ = 1;
};

TEST_F(ChainTest, WithoutToxicsEverythingPasses) {
  EXPECT_TRUE(chain_.empty());
  push("a");
  chain_.end(out_.now);
  EXPECT_EQ(out_.bytes(), "a");
  EXPECT_TRUE(out_.ended);
}

TEST_F(ChainTest, DelaysAddUp) {
  chain_.apply({toxic("one", "latency", {{"latency", whole(30)}}),
                toxic("two", "latency", {{"latency", whole(20)}})},
               out_.now);
  push("a");
  EXPECT_EQ(chain_.held(), 1U);
  run_until(milliseconds(1'000));
  EXPECT_EQ(out_.seen.at(0).at, milliseconds(50));
}

TEST_F(ChainTest, TheOrderIsThatOfTheList) {
  chain_.apply({toxic("cut", "limit_data", {{"bytes", whole(3)}}),
                toxic("slow", "latency", {{"latency", whole(30)}})},
               out_.now);
  EXPECT_THAT(chain_.names(), ElementsAre("cut", "slow"));
  push("abcdef");
  EXPECT_TRUE(out_.closed);  // at once, by the first
  EXPECT_TRUE(chain_.over());
  EXPECT_FALSE(chain_.deadline());
}

TEST_F(ChainTest, OnlyItsOwnStream) {
  Toxic other = *toxic("other", "timeout");
  other.stream = Stream::upstream;
  chain_.apply({std::make_shared<const Toxic>(other)}, out_.now);
  EXPECT_TRUE(chain_.empty());
}

TEST_F(ChainTest, WhatARemovedToxicHeldGoesThroughTheRest) {
  const auto first = toxic("first", "latency", {{"latency", whole(1'000)}});
  const auto second = toxic("second", "latency", {{"latency", whole(50)}});
  chain_.apply({first, second}, out_.now);
  push("a");
  run_until(milliseconds(10));
  chain_.apply({second}, out_.now);
  run_until(milliseconds(500));
  EXPECT_EQ(out_.seen.at(0).at, milliseconds(60));
}

TEST_F(ChainTest, AChangeKeepsWhatTheToxicKnows) {
  const auto limit = toxic("limit", "limit_data", {{"bytes", whole(100)}});
  chain_.apply({limit}, out_.now);
  push("abcd");
  chain_.apply({changed(limit, {{"bytes", whole(6)}})}, out_.now);
  push("efgh");
  EXPECT_EQ(out_.bytes(), "abcdef");
  EXPECT_TRUE(out_.closed);
}

TEST_F(ChainTest, AnotherToxicOfTheSameNameStartsAnew) {
  chain_.apply({toxic("limit", "limit_data", {{"bytes", whole(6)}})}, out_.now);
  push("abcd");
  chain_.apply({toxic("limit", "limit_data", {{"bytes", whole(6)}})}, out_.now);
  push("efgh");
  EXPECT_EQ(out_.bytes(), "abcdefgh");
  EXPECT_FALSE(out_.closed);
}

TEST_F(ChainTest, OneThatJoinsAfterTheEndIsNotWaitedFor) {
  chain_.end(out_.now);
  chain_.apply({toxic("slow", "slow_close", {{"delay", whole(50)}})}, out_.now);
  run_until(milliseconds(500));
  EXPECT_TRUE(out_.ended);
  EXPECT_FALSE(chain_.deadline());
}

TEST_F(ChainTest, RemovingATimeoutClosesAndTheRestIsNotAsked) {
  const auto slow = toxic("slow", "latency", {{"latency", whole(50)}});
  chain_.apply({toxic("timeout", "timeout"), slow}, out_.now);
  push("dropped");
  chain_.apply({slow}, out_.now);
  EXPECT_TRUE(out_.closed);
  push("late");
  EXPECT_EQ(out_.bytes(), "");
}

TEST_F(ChainTest, ToxicityIsTheShareOfConnectionsHit) {
  const auto some = toxic("some", "latency", {}, 0.3);
  int hit = 0;
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Chain chain(Stream::downstream, {Random(seed)}, out_);
    chain.apply({some}, out_.now);
    hit += chain.empty() ? 0 : 1;
  }
  EXPECT_NEAR(hit / 10'000.0, 0.3, 0.02);
}

// Made again, on a proxy that has seen more connections since and has another seed.
TEST_F(ChainTest, AToxicsOwnSeedHitsTheSameTrafficAgain) {
  const auto hits = [&](std::uint64_t seed, std::uint64_t first, std::string name) {
    Toxic seeded = *toxic(name, "latency", {}, 0.5);
    seeded.seed = seed;
    seeded.first = first;
    std::string pattern;
    // Two that were there before it, and those that come.
    for (std::uint64_t number = first - 1; number < first + 100; ++number) {
      pattern += Chain::hits(seeded, {Random(first), number}) ? 'x' : '.';
    }
    return pattern;
  };
  EXPECT_EQ(hits(5, 10, "fault-a"), hits(5, 9'000, "fault-b"));
  EXPECT_NE(hits(5, 10, "fault-a"), hits(6, 10, "fault-a"));
}

TEST_F(ChainTest, AHigherToxicityHitsTheSameConnectionsAndMore) {
  const auto low = toxic("some", "latency", {}, 0.2);
  Toxic raised = *low;
  raised.toxicity = 0.6;
  const auto high = std::make_shared<const Toxic>(raised);
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    Chain chain(Stream::downstream, {Random(seed)}, out_);
    chain.apply({low}, out_.now);
    const bool was_hit = !chain.empty();
    chain.apply({high}, out_.now);
    EXPECT_FALSE(was_hit && chain.empty()) << seed;
  }
}

TEST_F(ChainTest, ToxicityOfNoneAndAll) {
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    Chain chain(Stream::downstream, {Random(seed)}, out_);
    chain.apply({toxic("none", "latency", {}, 0), toxic("all", "noop", {}, 1)}, out_.now);
    EXPECT_THAT(chain.names(), ElementsAre("all"));
  }
}

// Toxics come, change and go in the middle of the stream; no byte is lost, doubled or out of place.
TEST_F(ChainTest, EveryByteOnceAndInOrderWhateverIsDoneToTheToxics) {
  const std::vector<std::pair<std::string, StageDriver::Values>> kinds = {
      {"latency", {{"latency", whole(20)}, {"jitter", whole(10)}}},
      {"bandwidth", {{"rate", whole(500)}}},
      {"slicer", {{"average_size", whole(64)}, {"delay", whole(10)}}},
      {"slow_close", {{"delay", whole(30)}}},
      {"loss", {{"probability", 0.1}, {"rto", whole(10)}}},
      {"noop", {}}};
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Recorder out;
    Chain chain(Stream::downstream, {Random(seed)}, out);
    Toxics toxics;
    std::string sent;
    for (int step = 0; step < 80; ++step) {
      const auto choice = random.below(8);
      if (choice == 0 && toxics.size() < 5) {
        const auto& [type, values] = kinds[random.below(kinds.size())];
        toxics.push_back(toxic(type + std::to_string(step), type, values));
        chain.apply(toxics, out.now);
      } else if (choice == 1 && !toxics.empty()) {
        toxics.erase(toxics.begin() + static_cast<std::ptrdiff_t>(random.below(toxics.size())));
        chain.apply(toxics, out.now);
      } else if (choice == 2) {
        const MonotonicTime target = out.now + microseconds(random.below(30'000));
        for (auto due = chain.deadline(); due && *due <= target; due = chain.deadline()) {
          out.now = std::max(out.now, *due);
          chain.wake(out.now);
        }
        out.now = target;
      } else {
        std::string bytes(1 + random.below(500), '\0');
        for (char& byte : bytes) byte = static_cast<char>(random.next());
        chain.push({ByteSlice::copy_of(bytes), out.now}, out.now);
        sent += bytes;
      }
      ASSERT_EQ(out.bytes().size() + chain.held(), sent.size());
    }
    chain.end(out.now);
    chain.apply({}, out.now);
    ASSERT_EQ(out.bytes(), sent);
    ASSERT_TRUE(out.ended);
    ASSERT_THAT(chain.names(), IsEmpty());
  }
}

}  // namespace
}  // namespace stormlog::proxy
