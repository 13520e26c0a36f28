// The spill log on a real Redis: what an append means, what a kill leaves, what is read back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "events.hpp"
#include "pipeline/consumer/log_consumer.hpp"
#include "pipeline/consumer/parse_record.hpp"
#include "pipeline/consumer/redis_call.hpp"
#include "pipeline/consumer/redis_spill_log.hpp"
#include "pipeline/consumer/spiller.hpp"
#include "support/redis_server.hpp"

namespace stormlog::pipeline {
namespace {

using testing::ElementsAre;

PartitionBatch batch(int partition, std::int64_t expected, std::vector<std::int64_t> offsets,
                     const std::string& body = "hello") {
  PartitionBatch batch;
  batch.partition = partition;
  batch.expected = expected;
  for (const std::int64_t offset : offsets) {
    SourceRecord record;
    record.partition = partition;
    record.offset = offset;
    record.timestamp = WallTime{std::chrono::milliseconds{1'700'000'000'000 + offset}};
    record.key = "a key";
    record.id = "an id";
    if (offset % 2 == 0) {
      record.traceparent = "a parent";
      record.tracestate = "a state";
    }
    // Every third is none.
    const std::string payload = offset % 3 == 0
                                    ? std::string("no\0event", 8)
                                    : test::stored_event(static_cast<std::uint32_t>(offset), body);
    record.payload = payload;
    parse(record, batch);
    batch.next = offset + 1;
  }
  return batch;
}

class Spill : public testing::Test {
 protected:
  Result<SpillLog::Appended> append(PartitionBatch one) {
    std::vector<PartitionBatch> all;
    all.push_back(std::move(one));
    return log.append(all);
  }
  std::vector<std::int64_t> offsets(int partition, std::int64_t from) {
    std::vector<std::int64_t> found;
    const auto records = log.read(partition, from, 1'000);
    EXPECT_TRUE(records.ok()) << records.error().message;
    if (records.ok()) {
      for (const SpilledRecord& record : *records) found.push_back(record.offset);
    }
    return found;
  }

  test::RedisServer redis;
  RedisSpillLog log{*redis::Url::parse(redis.url()), {}, "logs"};
};

TEST_F(Spill, GivesBackWhatKafkaHad) {
  ASSERT_TRUE(append(batch(2, 5, {5, 6, 8})).ok());
  const auto records = log.read(2, 0, 10);
  ASSERT_TRUE(records.ok()) << records.error().message;
  ASSERT_EQ(records->size(), 3u);
  EXPECT_EQ((*records)[0].offset, 5);
  EXPECT_EQ((*records)[0].after, 5);
  EXPECT_EQ((*records)[0].payload, test::stored_event(5));
  EXPECT_EQ((*records)[0].key, "a key");
  EXPECT_EQ((*records)[0].produced, WallTime{std::chrono::milliseconds{1'700'000'000'005}});
  EXPECT_EQ((*records)[1].payload, std::string("no\0event", 8));
  EXPECT_EQ((*records)[1].id, "an id");
  EXPECT_EQ((*records)[0].trace.traceparent, "");
  for (const std::size_t traced : {1u, 2u}) {  // a dead letter and a row
    EXPECT_EQ((*records)[traced].trace.traceparent, "a parent");
    EXPECT_EQ((*records)[traced].trace.tracestate, "a state");
  }
  EXPECT_EQ((*records)[2].offset, 8);
  EXPECT_EQ((*records)[2].after, 7);  // 7 was never there
  EXPECT_THAT(offsets(2, 6), ElementsAre(6, 8));
  EXPECT_THAT(offsets(3, 0), ElementsAre());
}

TEST_F(Spill, KnowsItsStateAndNothingOfOtherPartitions) {
  const auto appended = append(batch(0, 0, {0, 1, 2}));
  ASSERT_TRUE(appended.ok());
  EXPECT_EQ(appended->added, 3);
  const auto states = log.states({0, 1});
  ASSERT_TRUE(states.ok()) << states.error().message;
  EXPECT_EQ(states->at(0).records, 3);
  EXPECT_EQ(states->at(0).end, 3);
  EXPECT_GT(states->at(0).bytes, 500u);
  EXPECT_EQ(states->at(0).bytes, appended->states.at(0).bytes);
  EXPECT_EQ(states->at(1).records, 0);
  EXPECT_EQ(states->at(1).end, 0);
}

TEST_F(Spill, AppendingAgainChangesNothing) {
  ASSERT_TRUE(append(batch(0, 0, {0, 1, 2})).ok());
  const auto again = append(batch(0, 1, {1, 2, 3}));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->added, 1);
  EXPECT_THAT(offsets(0, 0), ElementsAre(0, 1, 2, 3));
}

TEST_F(Spill, TrimsWhatIsBelowAndDeletesAnEmptyStream) {
  ASSERT_TRUE(append(batch(0, 0, {0, 1, 2, 3})).ok());
  auto left = log.trim({{0, 2}, {1, 50}});
  ASSERT_TRUE(left.ok()) << left.error().message;
  EXPECT_EQ(left->at(0).records, 2);
  EXPECT_THAT(offsets(0, 0), ElementsAre(2, 3));
  left = log.trim({{0, 4}});
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left->at(0).end, 0);
  redis::Client client(*redis::Url::parse(redis.url()));
  EXPECT_EQ(client.command({"EXISTS", spill_stream("logs", 0)})->integer, 0);
  // A new topic may begin at 0 again.
  ASSERT_TRUE(append(batch(0, 0, {0})).ok());
  EXPECT_THAT(offsets(0, 0), ElementsAre(0));
}

TEST_F(Spill, WhatWasAcknowledgedSurvivesAKilledRedis) {
  for (std::int64_t i = 0; i < 50; ++i) ASSERT_TRUE(append(batch(0, i, {i})).ok());
  redis.kill9();
  EXPECT_EQ(append(batch(0, 50, {50})).error().code, redis::kConnectionCode);
  redis.start();
  EXPECT_EQ(offsets(0, 0).size(), 50u);
  EXPECT_EQ(log.states({0})->at(0).end, 50);
}

TEST_F(Spill, OutOfMemoryTakesABatchWholeOrNotAtAll) {
  redis::Client client(*redis::Url::parse(redis.url()));
  ASSERT_TRUE(client.command({"CONFIG", "SET", "maxmemory-policy", "noeviction"}).ok());
  ASSERT_TRUE(client.command({"CONFIG", "SET", "maxmemory", "6mb"}).ok());
  std::int64_t taken = 0;
  for (;; taken += 10) {
    std::vector<std::int64_t> numbers;
    for (int i = 0; i < 10; ++i) numbers.push_back(taken + i);
    const auto appended = append(batch(0, taken, numbers, std::string(20'000, 'x')));
    if (!appended) {
      EXPECT_EQ(appended.error().code, "OOM");
      EXPECT_EQ(appended.error().kind, ErrorKind::retriable);
      break;
    }
    ASSERT_LT(taken, 10'000);
  }
  EXPECT_GT(taken, 0);
  EXPECT_EQ(log.states({0})->at(0).end, taken);
  // Reading and trimming need no memory.
  EXPECT_EQ(offsets(0, 0).size(), static_cast<std::size_t>(taken));
  EXPECT_TRUE(log.trim({{0, taken}}).ok());
  EXPECT_TRUE(append(batch(0, taken, {taken})).ok());
}

TEST_F(Spill, AnEntryOfSomebodyElseIsAnErrorAndNotALoss) {
  redis::Client client(*redis::Url::parse(redis.url()));
  ASSERT_TRUE(client.command({"XADD", spill_stream("logs", 0), "5-0", "a", "b"}).ok());
  EXPECT_FALSE(log.read(0, 0, 10).ok());
}

// The cache called a Redis that was still loading its data alive and closed the breaker, while what
// was to be spilled was refused.
TEST(RedisBreaker, IsOpenForAllItsUsersWhileRedisLoads) {
  test::RedisServer server;
  const redis::Url url = *redis::Url::parse(server.url());
  redis::Client cache(url);
  std::vector<redis::Command> events;
  for (int i = 0; i < 3'000; ++i) {
    events.push_back({"SET", "event" + std::to_string(i), std::string(200, 'x')});
  }
  ASSERT_TRUE(cache.pipeline(events).ok());
  server.rewrite();
  server.kill9();
  server.start_loading();

  telemetry::Metrics telemetry;
  const ConsumerMetrics metrics(telemetry);
  const Clock& clock = SystemClock::instance();
  auto config = LogConsumerConfig{}.breaker;
  config.open_wait = config.open_wait_max = std::chrono::milliseconds{1};
  const auto breaker =
      std::make_shared<resilience::CircuitBreaker>("redis", config, clock, Random(1));
  RedisSpillLog log(url, {}, "logs");
  Spiller spiller(log, 1'000'000, breaker, metrics, clock);
  const auto cached = [&] {
    return call_redis(*breaker, metrics.redis_set_seconds, clock, cache, {{"SET", "a", "b"}}).ok();
  };
  const auto open = [&] { return breaker->state() != resilience::BreakerState::closed; };
  ASSERT_TRUE(test::eventually([&] { return !cached() && open(); }));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(cached());
    EXPECT_FALSE(spiller.look({0}).ok());
    EXPECT_TRUE(open());
  }
  server.finish_loading();
  EXPECT_TRUE(test::eventually([&] { return cached() && spiller.look({0}).ok() && !open(); }));
}

}  // namespace
}  // namespace stormlog::pipeline
