#include "pipeline/gateway/coalescer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/murmur2.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::ElementsAre;
using Stage = IngestRequest::Stage;
using namespace std::chrono_literals;  // NOLINT: a test
using std::chrono::seconds;

constexpr MonotonicTime kStart{1h};

// Frames with `events` events whose payloads hold `size` bytes.
std::string frames(std::uint32_t events, std::size_t size = 10, char fill = 'x',
                   const std::string& key = {}) {
  std::string out;
  const std::string payload(size, fill);
  for (std::uint32_t i = 0; i < events; ++i) {
    EventView event;
    event.payload = payload;
    event.key = key;
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
  static CoalescerConfig config(std::uint64_t queue_bytes, std::size_t batch_bytes,
                                std::uint32_t batch_events) {
    return {.queue_bytes = queue_bytes,
            .batch_bytes = batch_bytes,
            .batch_events = batch_events,
            .gather = 0ms};
  }
  int ended_ = 0;
};

TEST_F(CoalescerTest, WhoIsFreeTakesAllThatWaits) {
  Coalescer queue(config(10'000, 10'000, 100));
  EXPECT_TRUE(queue.take(kStart).requests.empty());
  const auto a = request(1, 10, 'a');
  const auto b = request(2, 10, 'b');
  ASSERT_TRUE(queue.offer(a, kStart));
  ASSERT_TRUE(queue.offer(b, kStart));
  EXPECT_EQ(queue.bytes(), a->bytes() + b->bytes());
  const IngestBatch batch = queue.take(kStart);
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
  Coalescer by_events(config(100'000, 100'000, 3));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(by_events.offer(request(2), kStart));
  EXPECT_EQ(by_events.take(kStart).requests.size(), 1U);
  EXPECT_EQ(by_events.requests(), 2U);

  Coalescer by_bytes(config(100'000, 300, 100));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(by_bytes.offer(request(1, 100), kStart));
  EXPECT_EQ(by_bytes.take(kStart).requests.size(), 2U);
  // A request that is larger than a batch travels alone.
  ASSERT_TRUE(by_bytes.offer(request(1, 5'000), kStart));
  EXPECT_EQ(by_bytes.take(kStart).requests.size(), 1U);
  EXPECT_EQ(by_bytes.take(kStart).requests.size(), 1U);
}

TEST_F(CoalescerTest, TheQueueIsBoundedInBytes) {
  Coalescer queue(config(300, 10'000, 100));
  ASSERT_TRUE(queue.offer(request(1, 1'000), kStart));  // alone, it is let in
  EXPECT_FALSE(queue.offer(request(1, 1), kStart));
  (void)queue.take(kStart);
  EXPECT_TRUE(queue.offer(request(1, 100), kStart));
  EXPECT_TRUE(queue.offer(request(1, 100), kStart));
  EXPECT_FALSE(queue.offer(request(1, 100), kStart));
}

TEST_F(CoalescerTest, EachRequestGetsItsPartOfTheOutcomes) {
  Coalescer queue(config(10'000, 10'000, 100));
  const auto a = request(1);
  const auto b = request(2);
  queue.offer(a, kStart);
  queue.offer(b, kStart);
  IngestBatch batch = queue.take(kStart);
  batch.tell({EventOutcome::too_large, EventOutcome::accepted, EventOutcome::unknown});
  EXPECT_THAT(a->outcomes(), ElementsAre(EventOutcome::too_large));
  EXPECT_THAT(b->outcomes(), ElementsAre(EventOutcome::accepted, EventOutcome::unknown));
  EXPECT_EQ(a->stage(), Stage::told);
  EXPECT_EQ(ended_, 2);
}

TEST_F(CoalescerTest, WhatWasNotSentGoesBackToTheFrontInOrder) {
  Coalescer queue(config(10'000, 10'000, 2));
  const auto a = request(1);
  const auto b = request(1);
  const auto c = request(1);
  for (const auto& each : {a, b, c}) queue.offer(each, kStart);
  queue.give_back(queue.take(kStart));
  EXPECT_EQ(a->stage(), Stage::queued);
  EXPECT_EQ(queue.bytes(), a->bytes() * 3);
  const IngestBatch batch = queue.take(kStart);
  EXPECT_THAT(batch.requests, ElementsAre(a, b));
  EXPECT_EQ(a->attempts(), 2);
  EXPECT_EQ(c->attempts(), 0);
}

TEST_F(CoalescerTest, AbandonedRequestsAreNotSent) {
  Coalescer queue(config(10'000, 10'000, 100));
  const auto a = request(1);
  const auto b = request(1);
  queue.offer(a, kStart);
  queue.offer(b, kStart);
  a->abandon();
  const IngestBatch batch = queue.take(kStart);
  EXPECT_THAT(batch.requests, ElementsAre(b));
  EXPECT_EQ(a->stage(), Stage::queued);
  EXPECT_EQ(queue.bytes(), 0U);
  b->abandon();
  queue.give_back(batch);
  EXPECT_TRUE(queue.empty());
}

TEST_F(CoalescerTest, AbandonedRequestsMakeRoom) {
  Coalescer queue(config(200, 10'000, 100));
  const auto a = request(1, 150);
  queue.offer(a, kStart);
  EXPECT_FALSE(queue.offer(request(1, 150), kStart));
  a->abandon();
  EXPECT_TRUE(queue.offer(request(1, 150), kStart));
}

TEST_F(CoalescerTest, FailingAllEndsThoseThatWait) {
  Coalescer queue(config(10'000, 10'000, 100));
  const auto a = request(1);
  queue.offer(a, kStart);
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

// When requests leave, and with whom. 20 clients in each half have lately waited at once.
class CoalescerCrowdTest : public ::testing::Test {
 protected:
  using Request = std::shared_ptr<IngestRequest>;

  CoalescerCrowdTest() {
    std::vector<Request> clients;
    for (std::size_t i = 0; i < 40; ++i) clients.push_back(offer(i % 2, kStart));
    while (!queue_.empty()) (void)queue_.take(kStart);
    for (const Request& client : clients) answer(client);
  }

  // Of a client whose events go to the partitions of that half.
  Request offer(std::size_t half, MonotonicTime now, std::size_t size = 10) {
    const auto request =
        std::make_shared<IngestRequest>(frames(1, size, 'x', kKeys[half]), 1, [] {});
    EXPECT_TRUE(queue_.offer(request, now));
    return request;
  }
  std::vector<Request> offer_some(int count, std::size_t half, MonotonicTime now) {
    std::vector<Request> requests;
    for (int i = 0; i < count; ++i) requests.push_back(offer(half, now));
    return requests;
  }
  std::size_t half_of(const IngestBatch& batch) const {
    return first_key(batch.requests.at(0)->frames()) == kKeys[0] ? 0 : 1;
  }
  void answer(const Request& request) { queue_.answered(*request); }
  // Negative where it is past.
  Nanoseconds wait(MonotonicTime now) {
    const auto next = queue_.next(now);
    EXPECT_TRUE(next.has_value());
    return next ? *next - now : -1h;
  }

  const std::array<std::string, 2> kKeys = keys();
  Coalescer queue_{CoalescerConfig{.gather = 2ms, .enough_bytes = 10'000}};

 private:
  static std::array<std::string, 2> keys() {
    std::array<std::string, 2> found;
    for (int i = 0; found[0].empty() || found[1].empty(); ++i) {
      const std::string key = "service-" + std::to_string(i);
      found[murmur2(key) % 2] = key;
    }
    return found;
  }
};

TEST_F(CoalescerCrowdTest, WhatComesAfterAPauseLeavesAtOnce) {
  offer(0, kStart + 2ms);
  EXPECT_TRUE(queue_.is_due(kStart + 2ms));
  EXPECT_EQ(queue_.take(kStart + 2ms).count, 1U);
}

TEST_F(CoalescerCrowdTest, WhatTricklesWaitsForTheRestOfThePause) {
  offer(0, kStart + 500us);
  EXPECT_EQ(wait(kStart + 500us), 1500us);
  EXPECT_TRUE(queue_.take(kStart + 1900us).requests.empty());
  offer(1, kStart + 1900us);
  EXPECT_EQ(wait(kStart + 1900us), 100us);
  EXPECT_EQ(queue_.take(kStart + 2ms).count, 2U) << "a handful of each half travels together";
  EXPECT_FALSE(queue_.next(kStart + 2ms).has_value());
}

TEST_F(CoalescerCrowdTest, ManyBytesDoNotWait) {
  offer(0, kStart + 500us, 9'000);
  EXPECT_GT(wait(kStart + 500us), 0ns);
  offer(0, kStart + 500us, 1'000);
  EXPECT_TRUE(queue_.is_due(kStart + 500us));
}

TEST_F(CoalescerCrowdTest, AHalfThatIsAllThereLeavesByItself) {
  offer_some(19, 0, kStart + 100us);
  offer_some(17, 1, kStart + 100us);
  EXPECT_FALSE(queue_.is_due(kStart + 200us));
  const auto last = offer(0, kStart + 200us);
  EXPECT_TRUE(queue_.is_due(kStart + 200us));
  const IngestBatch batch = queue_.take(kStart + 300us);
  EXPECT_EQ(batch.count, 20U);
  EXPECT_EQ(batch.requests.back(), last);
  EXPECT_FALSE(queue_.is_due(kStart + 300us)) << "the others' company still comes";
  EXPECT_EQ(queue_.requests(), 17U);
}

TEST_F(CoalescerCrowdTest, WhatIsDueStaysDue) {
  const auto clients = offer_some(20, 0, kStart + 100us);
  EXPECT_TRUE(queue_.is_due(kStart + 100us));
  answer(clients[0]);  // its deadline has passed
  clients[0]->abandon();
  EXPECT_EQ(queue_.take(kStart + 200us).count, 19U);
}

// One half that leaves again and again does not hold the other.
TEST_F(CoalescerCrowdTest, NobodyWaitsForLongerThanGather) {
  offer(1, kStart + 500us);
  for (const auto now : {kStart + 900us, kStart + 1800us}) {
    const auto clients = offer_some(20, 0, now);
    EXPECT_EQ(queue_.take(now).count, 20U);
    for (const auto& client : clients) answer(client);
  }
  EXPECT_EQ(wait(kStart + 1800us), 700us);
  EXPECT_EQ(queue_.take(kStart + 2500us).count, 1U);
}

TEST_F(CoalescerCrowdTest, HalvesTakeTurns) {
  const MonotonicTime now = kStart + 100us;
  offer_some(20, 0, now);
  offer_some(20, 1, now);
  const std::size_t first = half_of(queue_.take(now));
  offer_some(20, first, now);
  EXPECT_EQ(half_of(queue_.take(now)), 1 - first);
}

TEST_F(CoalescerCrowdTest, ACrowdThatIsDueLeavesBeforeAHandful) {
  MonotonicTime now = kStart;
  for (const std::size_t handful : {0U, 1U}) {
    now += 2ms;
    offer_some(3, handful, now);
    offer_some(16, 1 - handful, now);
    EXPECT_EQ(queue_.take(now).count, 16U);
    queue_.give_back(queue_.take(now));
    EXPECT_EQ(queue_.take(now).count, 3U) << "what came back is due";
  }
}

TEST_F(CoalescerCrowdTest, WithoutGatheringNobodyWaits) {
  Coalescer queue{CoalescerConfig{.gather = 0ms}};
  for (int i = 0; i < 3; ++i) {
    queue.offer(std::make_shared<IngestRequest>(frames(1), 1, [] {}), kStart);
    EXPECT_TRUE(queue.is_due(kStart));
    if (i != 1) (void)queue.take(kStart);
  }
}

}  // namespace
}  // namespace stormlog::pipeline
