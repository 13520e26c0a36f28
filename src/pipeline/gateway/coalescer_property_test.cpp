// Random clients against a plain list of what waits.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "common/base/murmur2.hpp"
#include "common/base/random.hpp"
#include "pipeline/gateway/coalescer.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;  // NOLINT: a test
using Request = std::shared_ptr<IngestRequest>;

constexpr CoalescerConfig kConfig{
    .queue_bytes = 8'000, .batch_bytes = 2'000, .batch_events = 40, .enough_bytes = 1'500};

class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {}

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      now_ += std::chrono::microseconds(random_.below(300));
      switch (random_.below(8)) {
        case 0:
          abandon_one();
          break;
        case 1:
          answer_some();
          break;
        case 2:
          if (random_.below(20) == 0) fail_all();
          break;
        default:
          offer();
      }
      take_what_is_due();
    }
    now_ += kConfig.gather;
    take_what_is_due();
    EXPECT_TRUE(waiting_[0].empty() && waiting_[1].empty()) << "held for longer than `gather`";
  }

 private:
  struct Waiting {
    Request request;
    MonotonicTime since;
  };

  std::deque<Waiting>& half_of(const IngestRequest& request) {
    return waiting_[murmur2(first_key(request.frames())) % 2];
  }

  void offer() {
    std::string frames;
    EventView event;
    const std::string key = "service-" + std::to_string(random_.below(6));
    const std::string payload(random_.below(200), 'x');
    event.key = key;
    event.payload = payload;
    const auto count = static_cast<std::uint32_t>(1 + random_.below(3));
    for (std::uint32_t i = 0; i < count; ++i) append_frame(event, frames);
    const auto request = std::make_shared<IngestRequest>(frames, count, [] {});
    if (!queue_.offer(request, now_)) {
      ASSERT_GT(queue_.bytes() + request->bytes(), kConfig.queue_bytes);
      return;
    }
    half_of(*request).push_back({request, now_});
  }

  // Its deadline has passed.
  void abandon_one() {
    auto& half = waiting_[random_.below(2)];
    if (half.empty()) return;
    const auto one = half.begin() + static_cast<std::ptrdiff_t>(random_.below(half.size()));
    one->request->abandon();
    queue_.answered(*one->request);
    half.erase(one);
  }

  void answer_some() {
    for (std::uint64_t left = random_.below(30); left > 0 && !under_way_.empty(); --left) {
      under_way_.front()->abandon();
      queue_.answered(*under_way_.front());
      under_way_.pop_front();
    }
  }

  void fail_all() {
    queue_.fail_all("down", 1s);
    for (auto& half : waiting_) {
      for (const Waiting& one : half) {
        ASSERT_EQ(one.request->stage(), IngestRequest::Stage::failed);
        queue_.answered(*one.request);
      }
      half.clear();
    }
    ASSERT_TRUE(queue_.empty());
    ASSERT_EQ(queue_.bytes(), 0U);
  }

  void take_what_is_due() {
    while (queue_.is_due(now_)) {
      IngestBatch batch = queue_.take(now_);
      ASSERT_FALSE(batch.requests.empty());
      ASSERT_LE(batch.count, kConfig.batch_events);
      ASSERT_EQ(decode_batch(batch.body)->size(), batch.count);
      const bool comes_back = random_.below(10) == 0;
      for (const Request& request : batch.requests) {
        auto& half = half_of(*request);
        ASSERT_FALSE(half.empty());
        ASSERT_EQ(half.front().request, request) << "out of turn, or for the second time";
        if (comes_back) {
          returned_.push_back(half.front());
        } else {
          under_way_.push_back(request);
        }
        half.pop_front();
      }
      if (!comes_back) continue;
      for (; !returned_.empty(); returned_.pop_back()) {
        half_of(*returned_.back().request).push_front(returned_.back());
      }
      queue_.give_back(std::move(batch));
    }
    std::uint64_t bytes = 0;
    for (const auto& half : waiting_) {
      for (const Waiting& one : half) bytes += one.request->bytes();
      if (half.empty()) continue;
      ASSERT_LT(now_ - half.front().since, kConfig.gather);
    }
    ASSERT_GE(queue_.bytes(), bytes) << "it may know some that were abandoned";
    ASSERT_TRUE(bytes > 0 || queue_.bytes() == 0);
    const auto next = queue_.next(now_);
    ASSERT_EQ(next.has_value(), !waiting_[0].empty() || !waiting_[1].empty());
    if (next) {
      ASSERT_LE(*next - now_, kConfig.gather);
    }
  }

  Random random_;
  MonotonicTime now_{1h};
  Coalescer queue_{kConfig};
  std::array<std::deque<Waiting>, 2> waiting_;
  std::vector<Waiting> returned_;
  std::deque<Request> under_way_;
};

TEST(CoalescerProperty, EveryRequestLeavesOnceInTurnAndInTime) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed).run(500);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace stormlog::pipeline
