// Leaving the group at the worst moment.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/base/log.hpp"
#include "common/kafka/consumer/consumer_test_support.hpp"

namespace stormlog::kafka {
namespace {

using namespace std::chrono_literals;
using testing::UnorderedElementsAre;

// Standard error as a pipe for one line at a time: whoever logs waits until the line before has
// been read. So the log says where a thread of librdkafka is, and holds it there.
class HeldLog {
 public:
  HeldLog() {
    int ends[2];
    if (::pipe2(ends, O_DIRECT | O_CLOEXEC) != 0 || ::fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0) {
      throw std::runtime_error("no pipe");
    }
    from_ = ends[0];
    before_ = ::dup(STDERR_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
    log::init("test", log::Level::debug, log::Format::json);
    reader_ = std::thread([this] { read(); });
  }
  ~HeldLog() {
    log::init("test", log::Level::off, log::Format::json);
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    reader_.join();
    ::close(from_);
  }

  // After a line with this text nothing more is read for this long.
  void hold_after(const std::string& text, std::chrono::milliseconds time) {
    const std::lock_guard lock(mutex_);
    hold_after_ = text;
    hold_ = time;
  }
  // Waits for a line with this text; false after half a minute.
  bool wait_for(const std::string& text) {
    std::unique_lock lock(mutex_);
    return more_.wait_for(lock, 30s, [&] { return text_.find(text) != std::string::npos; });
  }

 private:
  void read() {
    char line[4096];
    for (ssize_t n = 0; (n = ::read(from_, line, sizeof line)) > 0;) {
      const std::string_view text(line, static_cast<std::size_t>(n));
      std::chrono::milliseconds pause{0};
      {
        const std::lock_guard lock(mutex_);
        text_ += text;
        if (!hold_after_.empty() && text.find(hold_after_) != text.npos) pause = hold_;
      }
      more_.notify_all();
      std::this_thread::sleep_for(pause);
    }
  }

  int from_ = -1;
  int before_ = -1;
  std::mutex mutex_;
  std::condition_variable more_;
  std::string text_;
  std::string hold_after_;
  std::chrono::milliseconds hold_{0};
  std::thread reader_;
};

// The partitions are asked back before close(), and given up when librdkafka has ended the group
// and does not answer any more: rd_kafka_assign() waits for ever then.
TEST(KafkaConsumerClose, EndsAlsoWhenNobodyTakesThePartitionsBackAnyMore) {
  constexpr const char* kLeft = "LeaveGroup response received";
  const test::MockCluster cluster(2);
  HeldLog log;
  auto member = std::make_shared<test::Member>(cluster, "cgrp");
  ASSERT_TRUE(member->poll_until([&] { return !member->listener.assigned.empty(); }));

  const test::Member other(cluster);
  ASSERT_TRUE(log.wait_for("delegating revoke of 2 partition(s)"));
  // The thread that has said so says one line more, and waits in the next, with which it would end
  // the group, until the call has long come.
  log.hold_after(kLeft, 1s);
  std::atomic<bool> left = false;
  member->listener.last_word = [&] { left = log.wait_for(kLeft); };
  std::promise<void> closed;
  std::future<void> done = closed.get_future();
  std::thread([member, closed = std::move(closed)]() mutable {
    member->consumer->close();
    closed.set_value();
  }).detach();
  ASSERT_EQ(done.wait_for(30s), std::future_status::ready);
  EXPECT_TRUE(left);
  EXPECT_THAT(member->listener.revoked, UnorderedElementsAre(0, 1));
}

}  // namespace
}  // namespace stormlog::kafka
