#include "pipeline/gateway/coalescer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

using ::testing::ElementsAre;
using Stage = IngestRequest::Stage;
using std::chrono::seconds;

// Frames with `events` events whose payloads hold `size` bytes.
std::string frames(std::uint32_t events, std::size_t size = 10, char fill = 'x') {
  std::string out;
  const std::string payload(size, fill);
  for (std::uint32_t i = 0; i < events; ++i) {
    EventView event;
    event.payload = payload;
    append_frame(event, out);
  }
  return out;
}

class CoalescerTest : public ::testing::Test {
 protected:
  std::shared_ptr<IngestRequest> request(std::uint32_t events, std::size_t size = 10,
                                         char fill = 'x') {
    return std::make_shared<IngestRequest>(frames(events, size, fill), events,
                                           [this] { ++ended_; });
  }
  static Coalescer::Limits limits(std::uint64_t queue_bytes, std::size_t batch_bytes,
                                  std::uint32_t batch_events) {
    Coalescer::Limits result;
    result.queue_bytes = queue_bytes;
    result.batch_bytes = batch_bytes;
    result.batch_events = batch_events;
    return result;
  }
  int ended_ = 0;
};

TEST_F(CoalescerTest, WhoIsFreeTakesAllThatWaits) {
  Coalescer queue(limits(10'000, 10'000, 100));
  EXPECT_TRUE(queue.take().requests.empty());
  const auto a = request(1, 10, 'a');
  const auto b = request(2, 10, 'b');
  ASSERT_TRUE(queue.offer(a));
  ASSERT_TRUE(queue.offer(b));
  EXPECT_EQ(queue.bytes(), a->bytes() + b->bytes());
  const IngestBatch batch = queue.take();
  EXPECT_EQ(batch.count, 3U);
  const auto events = decode_batch(batch.body);
  ASSERT_TRUE(events.ok());
  EXPECT_EQ((*events)[0].payload[0], 'a');
  EXPECT_EQ((*events)[1].payload[0], 'b');
  EXPECT_EQ((*events)[2].payload[0], 'b');
  EXPECT_EQ(a->stage(), Stage::in_flight);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST_F(CoalescerTest, BatchesAreLimitedInEventsAndBytes) {
  Coalescer by_events(limits(100'000, 100'000, 3));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(by_events.offer(request(2)));
  EXPECT_EQ(by_events.take().requests.size(), 1U);
  EXPECT_EQ(by_events.requests(), 2U);

  Coalescer by_bytes(limits(100'000, 300, 100));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(by_bytes.offer(request(1, 100)));
  EXPECT_EQ(by_bytes.take().requests.size(), 2U);
  // A request that is larger than a batch travels alone.
  ASSERT_TRUE(by_bytes.offer(request(1, 5'000)));
  EXPECT_EQ(by_bytes.take().requests.size(), 1U);
  EXPECT_EQ(by_bytes.take().requests.size(), 1U);
}

TEST_F(CoalescerTest, TheQueueIsBoundedInBytes) {
  Coalescer queue(limits(300, 10'000, 100));
  ASSERT_TRUE(queue.offer(request(1, 1'000)));  // alone, it is let in
  EXPECT_FALSE(queue.offer(request(1, 1)));
  (void)queue.take();
  EXPECT_TRUE(queue.offer(request(1, 100)));
  EXPECT_TRUE(queue.offer(request(1, 100)));
  EXPECT_FALSE(queue.offer(request(1, 100)));
}

TEST_F(CoalescerTest, EachRequestGetsItsPartOfTheOutcomes) {
  Coalescer queue(limits(10'000, 10'000, 100));
  const auto a = request(1);
  const auto b = request(2);
  queue.offer(a);
  queue.offer(b);
  IngestBatch batch = queue.take();
  batch.tell({EventOutcome::too_large, EventOutcome::accepted, EventOutcome::unknown});
  EXPECT_THAT(a->outcomes(), ElementsAre(EventOutcome::too_large));
  EXPECT_THAT(b->outcomes(), ElementsAre(EventOutcome::accepted, EventOutcome::unknown));
  EXPECT_EQ(a->stage(), Stage::told);
  EXPECT_EQ(ended_, 2);
}

TEST_F(CoalescerTest, WhatWasNotSentGoesBackToTheFrontInOrder) {
  Coalescer queue(limits(10'000, 10'000, 2));
  const auto a = request(1);
  const auto b = request(1);
  const auto c = request(1);
  for (const auto& each : {a, b, c}) queue.offer(each);
  queue.give_back(queue.take());
  EXPECT_EQ(a->stage(), Stage::queued);
  EXPECT_EQ(queue.bytes(), a->bytes() * 3);
  const IngestBatch batch = queue.take();
  EXPECT_THAT(batch.requests, ElementsAre(a, b));
  EXPECT_EQ(a->attempts(), 2);
  EXPECT_EQ(c->attempts(), 0);
}

TEST_F(CoalescerTest, AbandonedRequestsAreNotSent) {
  Coalescer queue(limits(10'000, 10'000, 100));
  const auto a = request(1);
  const auto b = request(1);
  queue.offer(a);
  queue.offer(b);
  a->abandon();
  const IngestBatch batch = queue.take();
  EXPECT_THAT(batch.requests, ElementsAre(b));
  EXPECT_EQ(a->stage(), Stage::queued);
  EXPECT_EQ(queue.bytes(), 0U);
  b->abandon();
  queue.give_back(batch);
  EXPECT_TRUE(queue.empty());
}

TEST_F(CoalescerTest, AbandonedRequestsMakeRoom) {
  Coalescer queue(limits(200, 10'000, 100));
  const auto a = request(1, 150);
  queue.offer(a);
  EXPECT_FALSE(queue.offer(request(1, 150)));
  a->abandon();
  EXPECT_TRUE(queue.offer(request(1, 150)));
}

TEST_F(CoalescerTest, FailingAllEndsThoseThatWait) {
  Coalescer queue(limits(10'000, 10'000, 100));
  const auto a = request(1);
  queue.offer(a);
  queue.fail_all("down", seconds(2));
  EXPECT_EQ(a->stage(), Stage::failed);
  EXPECT_EQ(a->reason(), "down");
  EXPECT_EQ(a->retry_after(), seconds(2));
  EXPECT_EQ(ended_, 1);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0U);
}

// 503 says "not stored": it would be a lie where an earlier attempt may have arrived.
TEST_F(CoalescerTest, AFailureAfterABrokenAttemptIsUnknown) {
  const auto failed = request(1);
  failed->note_sent();
  failed->fail("down", seconds(1));
  EXPECT_EQ(failed->stage(), Stage::unknown);
  const auto told = request(2);
  told->note_sent();
  told->tell({EventOutcome::unavailable, EventOutcome::accepted});
  EXPECT_THAT(told->outcomes(), ElementsAre(EventOutcome::unknown, EventOutcome::accepted));
}

}  // namespace
}  // namespace stormlog::pipeline
