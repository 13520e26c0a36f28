// The group member against librdkafka's mock cluster: what it reads, when, and after whom. The mock
// is no Kafka; durability is proven elsewhere.

#include "common/kafka/consumer/consumer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "common/kafka/consumer/consumer_test_support.hpp"

namespace stormlog::kafka {
namespace {

using namespace std::chrono_literals;
using test::kTopic;
using test::Listener;
using test::Member;
using test::MockCluster;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

TEST(KafkaConsumer, ReadsNothingBeforeItIsStartedAndThenFromThatOffset) {
  MockCluster cluster(2);
  cluster.produce(0, 0, 10);
  cluster.produce(1, 0, 10);
  Member member(cluster);
  ASSERT_TRUE(member.poll_until([&] { return !member.listener.assigned.empty(); }));
  EXPECT_THAT(member.listener.assigned, UnorderedElementsAre(0, 1));
  // Started, partition 0 is read; partition 1, whose records came first, is not.
  ASSERT_TRUE(member.consumer->start({{0, 7}}).ok());
  ASSERT_TRUE(member.poll_until([&] { return member.read[0].size() == 3; }));
  EXPECT_THAT(member.read[0], ElementsAre(7, 8, 9));
  EXPECT_TRUE(member.read[1].empty());
  EXPECT_EQ(member.last_payload, "9");
  EXPECT_EQ(member.last_header, "x7");
}

TEST(KafkaConsumer, StartingOnePartitionLeavesTheOthersWhereTheyAre) {
  MockCluster cluster(2);
  cluster.produce(0, 0, 50);
  cluster.produce(1, 0, 5);
  Member member(cluster);
  ASSERT_TRUE(member.poll_until([&] { return !member.listener.assigned.empty(); }));
  ASSERT_TRUE(member.consumer->start({{0, 0}}).ok());
  ASSERT_TRUE(member.poll_until([&] { return member.read[0].size() == 20; }));
  ASSERT_TRUE(member.consumer->start({{1, 3}}).ok());
  ASSERT_TRUE(
      member.poll_until([&] { return member.read[0].size() >= 50 && member.read[1].size() >= 2; }));
  std::vector<std::int64_t> all(50);
  for (int i = 0; i < 50; ++i) all[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(member.read[0], all);
  EXPECT_THAT(member.read[1], ElementsAre(3, 4));
}

TEST(KafkaConsumer, PausedItStaysInTheGroupAndGoesOnWhereItIsTold) {
  MockCluster cluster(1);
  cluster.produce(0, 0, 10);
  Member member(cluster);
  ASSERT_TRUE(member.poll_until([&] { return !member.listener.assigned.empty(); }));
  ASSERT_TRUE(member.consumer->start({{0, 0}}).ok());
  ASSERT_TRUE(member.poll_until([&] { return member.read[0].size() == 10; }));
  ASSERT_TRUE(member.consumer->pause_all().ok());
  EXPECT_FALSE(member.consumer->started(0));
  cluster.produce(0, 10, 20);
  int polls = 0;
  ASSERT_TRUE(member.poll_until([&] { return ++polls > 25; }));
  EXPECT_EQ(member.read[0].size(), 10u);
  EXPECT_TRUE(member.listener.revoked.empty());
  // Back to the middle of what was read already.
  ASSERT_TRUE(member.consumer->start({{0, 5}}).ok());
  ASSERT_TRUE(member.poll_until([&] { return member.read[0].size() == 25; }));
  EXPECT_EQ(member.read[0][10], 5);
  EXPECT_EQ(member.read[0].back(), 19);
}

TEST(KafkaConsumer, AnOffsetThatIsNotThereIsToldAndPausesThePartition) {
  MockCluster cluster(1);
  cluster.produce(0, 0, 3);
  Member member(cluster);
  ASSERT_TRUE(member.poll_until([&] { return !member.listener.assigned.empty(); }));
  ASSERT_TRUE(member.consumer->start({{0, 100}}).ok());
  ASSERT_TRUE(member.poll_until([&] { return member.errors.contains("_AUTO_OFFSET_RESET"); }));
  EXPECT_FALSE(member.consumer->started(0));
  const auto marks = member.consumer->watermarks({0}, 5s);
  ASSERT_TRUE(marks.ok()) << marks.error().message;
  EXPECT_EQ(marks->at(0).low, 0);
  EXPECT_EQ(marks->at(0).high, 3);
  ASSERT_TRUE(member.consumer->start({{0, marks->at(0).low}}).ok());
  ASSERT_TRUE(member.poll_until([&] { return member.read[0].size() == 3; }));
}

TEST(KafkaConsumer, TwoMembersShareAndTheSecondTakesOverFromTheFirst) {
  MockCluster cluster(4);
  Member first(cluster);
  ASSERT_TRUE(first.poll_until([&] { return first.listener.assigned.size() == 4; }));
  Member second(cluster);
  ASSERT_TRUE(first.poll_until([&] {
    (void)second.poll_until([] { return true; });
    (void)second.consumer->poll(20ms);
    return first.listener.assigned.size() == 2 && second.listener.assigned.size() == 2;
  }));
  EXPECT_GE(first.listener.revoked.size(), 4u);
  first.consumer->close();
  EXPECT_TRUE(first.listener.assigned.empty());
  EXPECT_TRUE(second.poll_until([&] { return second.listener.assigned.size() == 4; }));
}

TEST(KafkaConsumer, CommitsAreTaken) {
  MockCluster cluster(1);
  cluster.produce(0, 0, 3);
  Member member(cluster);
  ASSERT_TRUE(member.poll_until([&] { return !member.listener.assigned.empty(); }));
  const Result<void> committed = member.consumer->commit({{0, 3}}, 10s);
  EXPECT_TRUE(committed.ok()) << committed.error().message;
  EXPECT_TRUE(member.consumer->commit({{0, 3}}, 0ms).ok());
}

TEST(KafkaConsumer, TellsWhatWasCommittedAndLeavesOutWhatNeverWas) {
  MockCluster cluster(2);
  cluster.produce(0, 0, 3);
  Member member(cluster);
  ASSERT_TRUE(member.poll_until([&] { return !member.listener.assigned.empty(); }));
  const Result<Offsets> before = member.consumer->committed({0, 1}, 10s);
  ASSERT_TRUE(before.ok()) << before.error().message;
  EXPECT_TRUE(before->empty());
  ASSERT_TRUE(member.consumer->commit({{0, 2}}, 10s).ok());
  const Result<Offsets> after = member.consumer->committed({0, 1}, 10s);
  ASSERT_TRUE(after.ok()) << after.error().message;
  EXPECT_EQ(*after, (Offsets{{0, 2}}));
}

TEST(KafkaConsumer, WaitsForATopicThatIsNotThereYet) {
  MockCluster cluster(1);
  // What the broker would say; the mock would create it.
  rd_kafka_mock_topic_set_error(cluster.get(), kTopic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  Member member(cluster);
  ASSERT_TRUE(member.poll_until([&] { return member.errors.contains("UNKNOWN_TOPIC_OR_PART"); }));
  EXPECT_TRUE(member.listener.assigned.empty());
  rd_kafka_mock_topic_set_error(cluster.get(), kTopic, RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_TRUE(member.poll_until([&] { return member.listener.assigned.size() == 1; }));
}

// librdkafka 2.0.2 never ends the thread of a broker whose partitions went away while they were
// read.
TEST(KafkaConsumer, EndsAlsoWhenItsTopicHasGoneMeanwhile) {
  MockCluster cluster(4);
  Member member(cluster);
  const Offsets all = {{0, 0}, {1, 0}, {2, 0}, {3, 0}};
  ASSERT_TRUE(member.poll_until([&] { return member.listener.assigned.size() == 4; }));
  ASSERT_TRUE(member.consumer->start(all).ok());
  rd_kafka_mock_topic_set_error(cluster.get(), kTopic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  ASSERT_TRUE(member.poll_until([&] { return member.errors.contains("UNKNOWN_TOPIC_OR_PART"); }));
  rd_kafka_mock_topic_set_error(cluster.get(), kTopic, RD_KAFKA_RESP_ERR_NO_ERROR);
  ASSERT_TRUE(member.poll_until([&] { return member.listener.assigned.size() == 4; }));
  (void)member.consumer->start(all);
  member.consumer.reset();  // it hung here
  EXPECT_TRUE(member.listener.assigned.empty());
  EXPECT_GE(member.listener.revoked.size(), 4u);
}

TEST(KafkaConsumer, RecordsThatStillArriveWhileItLeavesAreDropped) {
  MockCluster cluster(1);
  std::atomic<bool> stop = false;
  std::thread traffic([&] {
    for (int i = 0; !stop; i += 10) cluster.produce(0, i, i + 10);
  });
  for (int round = 0; round < 5; ++round) {
    Member member(cluster);
    EXPECT_TRUE(member.poll_until([&] { return !member.listener.assigned.empty(); }));
    EXPECT_TRUE(member.consumer->start({{0, 0}}).ok());
    EXPECT_TRUE(member.poll_until([&] { return !member.read[0].empty(); }));
    member.consumer->close();
    EXPECT_THAT(member.listener.revoked, ElementsAre(0));
    EXPECT_FALSE(member.listener.lost);
  }
  stop = true;
  traffic.join();
}

TEST(KafkaConsumer, StaysUpWithoutAnyBroker) {
  Listener listener;
  ConsumerConfig config;
  config.brokers = "127.0.0.1:1";
  config.topic = kTopic;
  config.group = "group";
  auto made = Consumer::create(config, listener);
  ASSERT_TRUE(made.ok());
  for (int i = 0; i < 5; ++i) {
    const auto polled = (*made)->poll(10ms);
    if (!polled) {
      EXPECT_EQ(polled.error().kind, ErrorKind::retriable);
    }
  }
  EXPECT_FALSE((*made)->high_watermarks({0}, 50ms).ok());
}

TEST(KafkaConsumer, ABadConfigurationIsPermanentAndNamesTheWord) {
  Listener listener;
  ConsumerConfig config;
  config.brokers = "127.0.0.1:1";
  config.topic = kTopic;
  config.group = "group";
  config.assignor = "best";
  const auto made = Consumer::create(config, listener);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().kind, ErrorKind::permanent);
  EXPECT_THAT(made.error().message, testing::HasSubstr("partition.assignment.strategy"));
}

}  // namespace
}  // namespace stormlog::kafka
