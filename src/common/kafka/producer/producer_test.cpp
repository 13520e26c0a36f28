// Against librdkafka's mock cluster: what each delivery is told as, and that nothing is told twice
// or not at all.

#include "common/kafka/producer/producer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "common/kafka/producer/in_flight.hpp"
#include "common/kafka/producer/mock_kafka_test_support.hpp"

namespace stormlog::kafka {
namespace {

using namespace std::chrono_literals;  // NOLINT: a test

TEST(InFlightList, KeepsTheOldestWhateverIsTakenOut) {
  InFlightList list;
  EXPECT_EQ(list.oldest(), nullptr);
  auto* a = list.add(1, 10, MonotonicTime{1ns});
  auto* b = list.add(2, 20, MonotonicTime{2ns});
  auto* c = list.add(3, 30, MonotonicTime{3ns});
  list.remove(b);
  EXPECT_EQ(list.oldest()->token, 1U);
  list.remove(a);
  EXPECT_EQ(list.oldest()->token, 3U);
  EXPECT_EQ(list.bytes(), 30U);
  auto* d = list.add(4, 40, MonotonicTime{4ns});
  list.remove(c);
  EXPECT_EQ(list.oldest(), d);
  list.remove(d);
  EXPECT_EQ(list.count(), 0U);
  EXPECT_EQ(list.bytes(), 0U);
  EXPECT_EQ(list.oldest(), nullptr);
}

class ProducerTest : public ::testing::Test {
 protected:
  void start(ProducerConfig config = {}) {
    config.brokers = config.brokers.empty() ? kafka_.brokers() : config.brokers;
    config.topic = "logs";
    ProducerCallbacks callbacks;
    callbacks.on_deliveries = [this](std::span<const Delivery> deliveries) {
      const std::lock_guard lock(mutex_);
      for (const Delivery& delivery : deliveries) {
        EXPECT_TRUE(told_.emplace(delivery.token, delivery).second) << "told twice";
      }
      changed_.notify_all();
    };
    callbacks.on_brokers_down = [this] {
      const std::lock_guard lock(mutex_);
      ++brokers_down_;
      changed_.notify_all();
    };
    callbacks.on_rebuilt = [this](const std::string& reason) {
      const std::lock_guard lock(mutex_);
      rebuilt_ = reason;
      changed_.notify_all();
    };
    auto producer = Producer::create(config, callbacks);
    ASSERT_TRUE(producer.ok()) << producer.error().message;
    producer_ = std::move(*producer);
  }
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, condition);
  }
  void produce(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t token = first; token < first + count; ++token) {
      const std::string key = "key-" + std::to_string(token % 7);
      ASSERT_EQ(producer_->produce({key, "value", {}}, token), ProduceStatus::queued);
    }
  }
  std::map<ProduceStatus, int> produce_together(std::uint64_t first, std::uint64_t count) {
    std::vector<std::string> keys;
    for (std::uint64_t i = 0; i < count; ++i) keys.push_back("key-" + std::to_string(i % 7));
    std::vector<Record> records;
    std::vector<std::uint64_t> tokens;
    for (std::uint64_t i = 0; i < count; ++i) {
      records.push_back({keys[i], "value", {}});
      tokens.push_back(first + i);
    }
    std::vector<ProduceStatus> statuses(count, ProduceStatus::unavailable);
    producer_->produce(records, tokens, statuses);
    std::map<ProduceStatus, int> counted;
    for (const ProduceStatus status : statuses) ++counted[status];
    return counted;
  }
  bool told(std::size_t count) {
    return wait([&] { return told_.size() >= count; });
  }

  MockKafka kafka_{"logs"};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Delivery> told_;
  int brokers_down_ = 0;
  std::string rebuilt_;
  std::unique_ptr<Producer> producer_;  // last: its destructor still tells
};

TEST_F(ProducerTest, TellsEachRecordOnce) {
  start();
  const std::array<RecordHeader, 2> headers = {{{"id", "1"}, {"traceparent", ""}}};
  ASSERT_EQ(producer_->produce({"k", "v", headers}, 1000), ProduceStatus::queued);
  produce(0, 500);
  ASSERT_TRUE(told(501));
  for (const auto& [token, delivery] : told_) {
    EXPECT_EQ(delivery.status, DeliveryStatus::acked) << token << error_name(delivery.code);
    EXPECT_GT(delivery.latency.count(), 0);
  }
  EXPECT_EQ(producer_->in_flight().messages, 0U);
  EXPECT_EQ(producer_->in_flight().bytes, 0U);
  EXPECT_TRUE(producer_->flush(0ms));
}

TEST_F(ProducerTest, WhatComesTogetherIsToldOnceEach) {
  start();
  std::uint64_t next = 0;
  for (const std::uint64_t count : {1U, 3U, 40U, 500U, 2U, 300U}) {
    EXPECT_EQ(produce_together(next, count)[ProduceStatus::queued], static_cast<int>(count));
    next += count;
    produce(next, 3);
    next += 3;
  }
  ASSERT_TRUE(told(next));
  for (const auto& [token, delivery] : told_) {
    EXPECT_EQ(delivery.status, DeliveryStatus::acked) << token << error_name(delivery.code);
  }
  EXPECT_EQ(producer_->in_flight().messages, 0U);
  EXPECT_EQ(producer_->in_flight().bytes, 0U);
}

// While Kafka does not answer, records wait in front of librdkafka: its thread must not ask poll()
// without a pause for as long.
TEST_F(ProducerTest, WaitingForKafkaCostsNoCore) {
  ProducerConfig config;
  config.far_connections = 0;
  start(config);
  produce(0, 20);
  ASSERT_TRUE(told(20));
  kafka_.set_rtt(1'000);
  produce(20, 40);
  const auto cpu = [] {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  const auto before = cpu();
  const auto start_time = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(500ms);
  // Of a thread that does not sleep it is all the time that the machine gives to this process.
  EXPECT_LT(cpu() - before, (std::chrono::steady_clock::now() - start_time) / 4);
  kafka_.set_rtt(0);
  ASSERT_TRUE(told(60));
}

TEST_F(ProducerTest, RetriesWhatIsRetriable) {
  start();
  kafka_.fail_produce(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 3);
  produce(0, 20);
  ASSERT_TRUE(told(20));
  for (const auto& [token, delivery] : told_) EXPECT_EQ(delivery.status, DeliveryStatus::acked);
}

TEST_F(ProducerTest, APermanentErrorIsTold) {
  start();
  kafka_.fail_produce(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
  produce(0, 1);
  ASSERT_TRUE(told(1));
  EXPECT_EQ(told_[0].status, DeliveryStatus::failed);
  EXPECT_TRUE(told_[0].permanent);
  EXPECT_EQ(error_name(told_[0].code), "MSG_SIZE_TOO_LARGE");
}

TEST_F(ProducerTest, TooLargeIsRefusedAtOnceAndNotCounted) {
  start();
  const std::string giant(2'000'000, 'x');
  EXPECT_EQ(producer_->produce({"", giant, {}}, 1), ProduceStatus::too_large);
  EXPECT_EQ(producer_->in_flight().messages, 0U);
}

TEST_F(ProducerTest, FullIsToldApart) {
  ProducerConfig config;
  config.properties = {{"queue.buffering.max.messages", "10"}};
  start(config);
  kafka_.down();
  ASSERT_TRUE(wait([&] { return brokers_down_ > 0; }));
  EXPECT_EQ(produce_together(0, 11),
            (std::map<ProduceStatus, int>{{ProduceStatus::queued, 10}, {ProduceStatus::full, 1}}));
  const Producer::InFlight waiting = producer_->in_flight();
  EXPECT_EQ(waiting.messages, 10U);
  EXPECT_GT(waiting.bytes, 0U);
  EXPECT_GT(waiting.oldest.count(), 0);
  kafka_.up();
  ASSERT_TRUE(told(10));
}

TEST_F(ProducerTest, WhatWaitedWhileTheBrokerWasDownArrives) {
  start();
  produce(0, 5);
  ASSERT_TRUE(told(5));
  kafka_.down();
  ASSERT_TRUE(wait([&] { return brokers_down_ > 0; }));
  produce(5, 5);
  kafka_.up();
  ASSERT_TRUE(told(10));
  for (const auto& [token, delivery] : told_) EXPECT_EQ(delivery.status, DeliveryStatus::acked);
}

TEST_F(ProducerTest, StartsWithoutBrokers) {
  ProducerConfig config;
  config.brokers = "127.0.0.1:1";
  start(config);
  ASSERT_TRUE(wait([&] { return brokers_down_ > 0; }));
  produce(0, 3);
  EXPECT_FALSE(producer_->flush(1ms));
  producer_.reset();
  ASSERT_EQ(told_.size(), 3U);
  for (const auto& [token, delivery] : told_) EXPECT_EQ(delivery.status, DeliveryStatus::failed);
}

// The wedge that users of librdkafka know: after a fatal error every produce() fails for ever.
TEST_F(ProducerTest, AFatalErrorRebuildsTheClient) {
  start();
  produce(0, 3);
  ASSERT_TRUE(told(3));
  kafka_.set_rtt(200);
  produce(3, 5);
  ASSERT_EQ(rd_kafka_test_fatal_error(static_cast<rd_kafka_t*>(producer_->native_handle()),
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test"),
            RD_KAFKA_RESP_ERR_NO_ERROR);
  ASSERT_TRUE(wait([&] { return !rebuilt_.empty(); }));
  EXPECT_THAT(rebuilt_, ::testing::HasSubstr("OUT_OF_ORDER_SEQUENCE_NUMBER"));
  ASSERT_TRUE(told(8));
  kafka_.set_rtt(0);
  produce(8, 10);
  ASSERT_TRUE(told(18));
  for (std::uint64_t token = 8; token < 18; ++token) {
    EXPECT_EQ(told_[token].status, DeliveryStatus::acked) << error_name(told_[token].code);
  }
  EXPECT_EQ(producer_->rebuilds(), 1U);
  EXPECT_EQ(producer_->in_flight().messages, 0U);
}

TEST_F(ProducerTest, RepeatedFatalErrorsAreSurvived) {
  start();
  for (std::uint64_t round = 0; round < 3; ++round) {
    rd_kafka_test_fatal_error(static_cast<rd_kafka_t*>(producer_->native_handle()),
                              RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test");
    for (int i = 0; i < 30'000 && producer_->rebuilds() == round; ++i) {
      std::this_thread::sleep_for(1ms);
    }
    ASSERT_EQ(producer_->rebuilds(), round + 1);
  }
  produce(0, 5);
  ASSERT_TRUE(told(5));
  EXPECT_EQ(told_[4].status, DeliveryStatus::acked);
}

// Over a slow link the records are spread over several connections; each key keeps its order.
TEST_F(ProducerTest, FarFromKafkaEachRecordIsToldOnceAndKeysKeepTheirOrder) {
  start();
  produce(0, 20);
  ASSERT_TRUE(told(20));
  kafka_.set_rtt(120);
  std::uint64_t next = 20;
  const auto end = std::chrono::steady_clock::now() + 2s;
  while (std::chrono::steady_clock::now() < end) {
    produce(next, 5);
    next += 5;
    std::this_thread::sleep_for(2ms);
  }
  kafka_.set_rtt(0);
  produce(next, 20);
  next += 20;
  ASSERT_TRUE(told(next));
  std::set<std::int32_t> partitions;
  for (const auto& [token, delivery] : told_) {
    EXPECT_EQ(delivery.status, DeliveryStatus::acked) << token << error_name(delivery.code);
    partitions.insert(delivery.partition);
  }
  EXPECT_EQ(partitions, (std::set<std::int32_t>{0, 1}));
  EXPECT_EQ(producer_->in_flight().messages, 0U);
}

// What is held for its departure when the producer ends is told, too.
TEST_F(ProducerTest, WhatIsHeldAtTheEndIsTold) {
  ProducerConfig config;
  config.brokers = "127.0.0.1:1";
  start(config);
  produce(0, 1);
  std::this_thread::sleep_for(80ms);  // silent for longer than "far"
  produce(1, 20);
  producer_.reset();
  ASSERT_EQ(told_.size(), 21U);
  for (const auto& [token, delivery] : told_) EXPECT_EQ(delivery.status, DeliveryStatus::failed);
}

TEST_F(ProducerTest, ABadPropertyIsNamed) {
  ProducerConfig config;
  config.brokers = "127.0.0.1:1";
  config.topic = "logs";
  config.properties = {{"no.such.property", "1"}};
  ProducerCallbacks callbacks;
  callbacks.on_deliveries = [](std::span<const Delivery>) {};
  const auto producer = Producer::create(config, callbacks);
  ASSERT_FALSE(producer.ok());
  EXPECT_THAT(producer.error().message, ::testing::HasSubstr("no.such.property"));
}

}  // namespace
}  // namespace stormlog::kafka
