#include "common/kafka/producer/near_gate.hpp"

#include <gtest/gtest.h>

#include <map>

#include "common/base/random.hpp"

namespace stormlog::kafka {
namespace {

class NearGateTest : public ::testing::Test {
 protected:
  // Whether it leaves at once.
  bool offer(std::uint32_t slot) {
    order_[slot].push_back(next_);
    if (gate_.admits(slot)) {
      leave(slot, next_++);
      return true;
    }
    gate_.hold(slot, std::make_unique<HeldRecord>(next_++));
    return false;
  }
  bool alone(std::uint32_t slot) {
    gate_.begin_batch();
    return offer(slot);
  }
  void leave(std::uint32_t slot, std::uint64_t token) {
    gate_.begin(slot);
    left_[slot].push_back(token);
    under_way_.push_back(slot);
  }
  void open() {
    std::vector<NearGate::Held> leaving;
    gate_.open(leaving);
    for (const auto& held : leaving) leave(held.slot, held.record->token);
  }
  void settle(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      gate_.settled(under_way_.front());
      under_way_.erase(under_way_.begin());
    }
  }

  NearGate gate_;
  std::uint64_t next_ = 1;
  std::vector<std::uint32_t> under_way_;
  std::map<std::uint32_t, std::vector<std::uint64_t>> order_;
  std::map<std::uint32_t, std::vector<std::uint64_t>> left_;
};

TEST_F(NearGateTest, WhatLibrdkafkaWouldSendLeavesAtOnce) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(alone(0)) << i;
  EXPECT_FALSE(alone(0));
  settle(1);
  // Who waits goes first.
  EXPECT_FALSE(alone(0));
  open();
  EXPECT_EQ(gate_.held(), 0U);
  EXPECT_FALSE(alone(0)) << "six are under way";
}

TEST_F(NearGateTest, ABatchThatFindsTheWindowOpenLeavesAsAWhole) {
  gate_.begin_batch();
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(offer(0));
  gate_.begin_batch();
  for (int i = 0; i < 40; ++i) EXPECT_FALSE(offer(0));
  settle(35);
  open();
  EXPECT_EQ(gate_.held(), 40U) << "five of the first are still under way";
  settle(1);
  open();
  EXPECT_EQ(gate_.held(), 0U);
}

TEST_F(NearGateTest, PartitionsDoNotWaitForEachOther) {
  gate_.set_partitions(4);
  gate_.begin_batch();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(offer(4));
  EXPECT_FALSE(alone(8)) << "the same partition";
  EXPECT_TRUE(alone(5));
}

TEST_F(NearGateTest, MorePartitionsThanKnownKeepTheWindowsThatAreTaken) {
  gate_.begin_batch();
  for (std::uint32_t slot = 0; slot < 12; ++slot) EXPECT_TRUE(offer(slot % 2));
  gate_.set_partitions(2);
  EXPECT_FALSE(alone(0));
  EXPECT_FALSE(alone(1));
  settle(12);
  open();
  EXPECT_EQ(left_, order_);
  settle(2);
  EXPECT_TRUE(alone(0));
}

TEST_F(NearGateTest, KeepsTheOrderOfEachSlot) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    gate_ = NearGate();
    order_.clear();
    left_.clear();
    under_way_.clear();
    Random random(seed);
    for (int step = 0; step < 2'000; ++step) {
      switch (random.below(10)) {
        case 0:
          gate_.begin_batch();
          break;
        case 1:
          settle(random.below(under_way_.size() + 1));
          open();
          break;
        case 2:
          if (random.below(50) == 0) {
            gate_.set_partitions(1 + static_cast<std::uint32_t>(random.below(12)));
          }
          break;
        default:
          offer(static_cast<std::uint32_t>(random.below(40)));
      }
    }
    while (gate_.held() > 0 || !under_way_.empty()) {
      settle(under_way_.size());
      open();
    }
    ASSERT_EQ(left_, order_);
  }
}

TEST(HeldRecord, IsWhatItWasMadeOf) {
  const std::string long_value(300, 'v');
  const std::array<RecordHeader, 3> headers = {{{"id", "1234"}, {"empty", ""}, {"b", long_value}}};
  const HeldRecord held(Record{"key", "the value", headers}, 7);
  EXPECT_EQ(held.token, 7U);
  EXPECT_EQ(held.key(), "key");
  EXPECT_EQ(held.value(), "the value");
  EXPECT_EQ(held.size(), 12U);
  std::array<RecordHeader, HeldRecord::kMaxHeaders> into;
  const auto found = held.headers(into);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name, "id");
  EXPECT_EQ(found[0].value, "1234");
  EXPECT_EQ(found[1].value, "");
  EXPECT_EQ(found[2].value, long_value);
}

}  // namespace
}  // namespace stormlog::kafka
