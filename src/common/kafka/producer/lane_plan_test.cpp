#include "common/kafka/producer/lane_plan.hpp"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/base/murmur2.hpp"
#include "common/base/random.hpp"

namespace stormlog::kafka {
namespace {

using namespace std::chrono_literals;  // NOLINT: a test

// Else a slot would not be of one partition, and what is kept together would not be.
TEST(LanePlan, AKeysSlotFollowsLibrdkafkasPartitioner) {
  Random random(7);
  for (std::size_t length = 0; length < 300; ++length) {
    std::string key(length % 40, ' ');
    for (char& letter : key) letter = static_cast<char>(random.below(256));
    for (const std::int32_t partitions : {2, 4, 64}) {
      EXPECT_EQ(static_cast<std::int32_t>(LanePlan::slot_of(murmur2(key))) % partitions,
                rd_kafka_msg_partitioner_murmur2(nullptr, key.data(), key.size(), partitions,
                                                 nullptr, nullptr));
    }
  }
}

// A Kafka that answers after `trip`, and what a producer does with the plan.
class Simulation {
 public:
  explicit Simulation(Nanoseconds trip, int lanes = 8) : trip_(trip), plan_({.far_lanes = lanes}) {}

  // Records of `keys` keys come one after another, `every` apart, for `duration`.
  void run(Nanoseconds duration, Nanoseconds every, std::uint32_t keys) {
    const MonotonicTime end = now_ + duration;
    for (MonotonicTime next = now_ + every; now_ < end;) {
      advance_to(std::min(next, end));
      if (now_ < next) break;
      next += every;
      offer(static_cast<std::uint32_t>(random_.below(keys)));
    }
  }
  void offer(std::uint32_t slot) {
    came_[next_token_] = now_;
    order_[slot].push_back(next_token_);
    if (const auto lane = plan_.lane_now(slot, now_)) {
      leave(*lane, slot, next_token_++);
      return;
    }
    plan_.hold(slot, std::make_unique<HeldRecord>(next_token_++));
    depart();
  }
  void advance_to(MonotonicTime to) {
    for (;;) {
      MonotonicTime next = to;
      if (const auto due = plan_.next_departure(now_)) next = std::min(next, std::max(*due, now_));
      if (!under_way_.empty()) next = std::min(next, under_way_.begin()->first);
      now_ = std::max(now_, next);
      const bool returned = give_back();
      const std::size_t held = plan_.held();
      depart();
      if (now_ >= to && !returned && held == plan_.held()) return;
      if (held > 0 && held == plan_.held() && !returned) now_ += 100us;  // nothing could leave
    }
  }
  void finish() {
    while (plan_.held() > 0 || !under_way_.empty()) advance_to(now_ + 10ms);
  }
  void set_trip(Nanoseconds trip) { trip_ = trip; }
  LanePlan& plan() { return plan_; }
  MonotonicTime now() const { return now_; }
  // How long records that came from `since` on waited for their departure, in order.
  std::vector<Nanoseconds> waits(MonotonicTime since) const {
    std::vector<Nanoseconds> found;
    for (const auto& [token, at] : came_) {
      if (at >= since && left_.contains(token)) found.push_back(left_.at(token) - at);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  const std::map<std::uint32_t, std::vector<std::uint64_t>>& order() const { return order_; }
  const std::map<std::uint32_t, std::vector<std::uint64_t>>& departed() const { return departed_; }
  int lanes_used() const { return static_cast<int>(lanes_.size()); }
  // The most departures of far lanes that were under way together, once it had settled.
  int most_at_once() const { return most_at_once_; }

 private:
  struct UnderWay {
    std::uint32_t slot;
    int lane;
    MonotonicTime since;
  };
  void leave(int lane, std::uint32_t slot, std::uint64_t token) {
    for (const auto& [at, one] : under_way_) {
      if (one.slot != slot) continue;
      EXPECT_EQ(one.lane, lane) << "one key on two lanes";
    }
    lanes_.insert(lane);
    left_[token] = now_;
    departed_[slot].push_back(token);
    under_way_.emplace(now_ + trip_, UnderWay{slot, lane, now_});
  }
  void depart() {
    std::vector<LanePlan::Departure> departures;
    plan_.depart(now_, departures);
    for (auto& one : departures) leave(one.lane, one.slot, one.record->token);
    std::set<std::pair<int, MonotonicTime>> at_once;
    for (const auto& [at, one] : under_way_) {
      if (one.lane > 0) at_once.insert({one.lane, one.since});
    }
    most_at_once_ = std::max(most_at_once_, static_cast<int>(at_once.size()));
  }
  bool give_back() {
    bool any = false;
    while (!under_way_.empty() && under_way_.begin()->first <= now_) {
      const UnderWay one = under_way_.begin()->second;
      under_way_.erase(under_way_.begin());
      plan_.seen_partition(static_cast<std::int32_t>(one.slot % 4));
      plan_.settled(one.slot);
      plan_.reported(now_ - one.since, now_);
      any = true;
    }
    return any;
  }

  Nanoseconds trip_;
  LanePlan plan_;
  Random random_{1};
  MonotonicTime now_{1h};
  std::uint64_t next_token_ = 0;
  std::multimap<MonotonicTime, UnderWay> under_way_;
  std::map<std::uint64_t, MonotonicTime> came_;
  std::map<std::uint64_t, MonotonicTime> left_;
  std::map<std::uint32_t, std::vector<std::uint64_t>> order_;
  std::map<std::uint32_t, std::vector<std::uint64_t>> departed_;
  std::set<int> lanes_;
  int most_at_once_ = 0;
};

TEST(LanePlan, NearKafkaEverythingLeavesAtOnceOnOneLane) {
  Simulation simulation(1ms);
  simulation.run(2s, 100us, 1'000);
  EXPECT_EQ(simulation.lanes_used(), 1);
  EXPECT_EQ(simulation.waits({}).back(), 0ns);
  EXPECT_EQ(simulation.plan().held(), 0U);
}

TEST(LanePlan, FarFromKafkaDeparturesAreSpacedOverTheRoundTrip) {
  Simulation simulation(500ms);
  simulation.run(3s, 2ms, LanePlan::kSlots);
  EXPECT_TRUE(simulation.plan().is_far(simulation.now()));
  EXPECT_EQ(simulation.lanes_used(), 9);
  const MonotonicTime settled = simulation.now();
  simulation.run(5s, 2ms, LanePlan::kSlots);
  simulation.finish();
  // Eight lanes: one leaves each eighth of the round trip.
  const auto waits = simulation.waits(settled);
  EXPECT_LE(waits[waits.size() / 2], 35ms);
  EXPECT_LE(waits[waits.size() * 9 / 10], 65ms);
  // One whose key is under way waits until it is back.
  EXPECT_LE(waits.back(), 600ms);
}

TEST(LanePlan, ALaneLeavesOnceInARoundTrip) {
  Simulation simulation(400ms, 4);
  simulation.run(4s, 1ms, LanePlan::kSlots);
  EXPECT_LE(simulation.most_at_once(), 4);
}

// Kafka never answers what is under way on one of the two lanes: the other goes on.
TEST(LanePlan, ALaneThatIsStuckDoesNotHoldTheOthers) {
  LanePlan plan({.far_lanes = 2});
  std::vector<LanePlan::Departure> departures;
  MonotonicTime now{1h};
  ASSERT_EQ(plan.lane_now(0, now), 0);
  now += 100ms;
  plan.settled(0);
  plan.reported(100ms, now);
  for (std::uint32_t slot = 1; slot < 40; ++slot) {
    plan.hold(slot, std::make_unique<HeldRecord>(slot));
    now += 60ms;
    plan.depart(now, departures);
    // Slot 1 is the stuck one; the rest are back after the round trip.
    if (slot > 2 && departures.size() > 1) {
      plan.settled(departures[departures.size() - 1].slot);
      plan.reported(100ms, now);
    }
  }
  EXPECT_LE(plan.held(), 3U);
}

TEST(LanePlan, ASilentKafkaIsFar) {
  LanePlan plan(LanePlanConfig{});
  const MonotonicTime start{1h};
  ASSERT_EQ(plan.lane_now(1, start), 0);
  EXPECT_FALSE(plan.is_far(start + 49ms));
  EXPECT_TRUE(plan.is_far(start + 50ms));
  EXPECT_EQ(plan.lane_now(2, start + 50ms), std::nullopt);
  plan.settled(1);
  plan.reported(60ms, start + 60ms);
  EXPECT_TRUE(plan.is_far(start + 61ms));
  plan.reported(1ms, start + 62ms);
  EXPECT_FALSE(plan.is_far(start + 63ms));
}

TEST(LanePlan, WhatWaitedBehindOthersDoesNotMakeKafkaFar) {
  LanePlan plan(LanePlanConfig{});
  MonotonicTime now{1h};
  for (int i = 0; i < 1'000; ++i) {
    now += 1ms;
    plan.reported(i % 20 == 0 ? 2ms : 300ms, now);
    EXPECT_FALSE(i > 0 && plan.is_far(now));
  }
}

TEST(LanePlan, WhenKafkaIsNearAgainNothingStaysHeld) {
  Simulation simulation(500ms);
  simulation.run(3s, 2ms, 100);
  simulation.set_trip(1ms);
  simulation.run(1s, 2ms, 100);
  EXPECT_FALSE(simulation.plan().is_far(simulation.now()));
  EXPECT_EQ(simulation.plan().held(), 0U);
  const MonotonicTime near = simulation.now();
  simulation.run(1s, 2ms, 100);
  EXPECT_EQ(simulation.waits(near).back(), 0ns);
}

TEST(LanePlan, WithoutFarLanesNothingIsEverHeld) {
  Simulation simulation(500ms, 0);
  simulation.run(3s, 2ms, 100);
  EXPECT_EQ(simulation.lanes_used(), 1);
  EXPECT_EQ(simulation.waits({}).back(), 0ns);
}

TEST(LanePlan, HurryLetsEverythingLeave) {
  Simulation simulation(500ms);
  simulation.run(2s, 2ms, 1'000);
  while (simulation.plan().held() == 0) simulation.run(2ms, 2ms, 1'000);
  std::vector<LanePlan::Departure> departures;
  simulation.plan().hurry();
  simulation.plan().depart(simulation.now(), departures);
  EXPECT_FALSE(departures.empty());
  EXPECT_EQ(simulation.plan().held(), 0U);
}

// Random keys, rates and distances: whatever happens, a key's records leave in order, on one lane
// at a time, and all of them.
TEST(LanePlan, KeepsTheOrderOfEachKey) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const int lanes = static_cast<int>(random.below(13));
    Simulation simulation(std::chrono::milliseconds(1 + random.below(600)), lanes);
    const auto keys = static_cast<std::uint32_t>(1 + random.below(300));
    for (int phase = 0; phase < 6; ++phase) {
      simulation.set_trip(std::chrono::milliseconds(1 + random.below(700)));
      simulation.run(std::chrono::milliseconds(50 + random.below(900)),
                     std::chrono::microseconds(500 + random.below(20'000)), keys);
    }
    simulation.finish();
    ASSERT_EQ(simulation.order(), simulation.departed());
  }
}

}  // namespace
}  // namespace stormlog::kafka
