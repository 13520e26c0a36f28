#include "common/http/event_hub.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>
#include <vector>

namespace stormlog::http {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// A client that keeps what it gets; it may be slow, or gone.
class Client final : public StreamWriter {
 public:
  explicit Client(asio::io_context& io) : taking_(io, asio::steady_timer::time_point::max()) {}

  asio::awaitable<bool> write(std::string_view piece) override {
    received += piece;
    ++writes;
    if (slow) {
      boost::system::error_code ignored;
      co_await taking_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return !gone;
  }
  void take() {
    slow = false;
    taking_.cancel();
  }

  std::string received;
  int writes = 0;
  bool slow = false;
  bool gone = false;
  bool ended = false;

 private:
  asio::steady_timer taking_;
};

class EventHubTest : public ::testing::Test {
 protected:
  explicit EventHubTest(milliseconds heartbeat = hours(1))
      : hub_(std::make_shared<EventHub>(heartbeat)) {
    hub_->attach(io_.get_executor());
  }

  void subscribe(Client& client, const std::string& last_id = {}) {
    std::string id = last_id;
    asio::co_spawn(io_, hub_->serve(client, std::move(id), [] { return std::string("<first>"); }),
                   [&client](std::exception_ptr) { client.ended = true; });
    settle();
  }
  // Runs all that can run without time passing.
  void settle() {
    io_.restart();
    io_.poll();
  }

  asio::io_context io_{1};
  std::shared_ptr<EventHub> hub_;
};

TEST_F(EventHubTest, FirstPieceThenEventsInOrder) {
  Client client(io_);
  subscribe(client);
  EXPECT_EQ(client.received, "<first>");
  hub_->publish("a:1", "<1>");
  hub_->publish("a:2", "<2>");
  settle();
  EXPECT_EQ(client.received, "<first><1><2>");
}

TEST_F(EventHubTest, ManySubscribersGetTheSame) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<Client>(io_));
    subscribe(*clients.back());
  }
  EXPECT_EQ(hub_->subscribers(), 50U);
  hub_->publish("a:1", "<1>");
  settle();
  for (const auto& client : clients) EXPECT_EQ(client->received, "<first><1>");
}

TEST_F(EventHubTest, ClientThatIsGoneIsForgotten) {
  Client client(io_);
  subscribe(client);
  client.gone = true;
  hub_->publish("a:1", "<1>");
  settle();
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(hub_->subscribers(), 0U);
}

TEST_F(EventHubTest, ReturningClientGetsWhatItMissed) {
  hub_->publish("a:1", "<1>");
  hub_->publish("b:1", "<2>");
  hub_->publish("a:2", "<3>");
  settle();
  Client knows_one(io_);
  subscribe(knows_one, "a:1");
  EXPECT_EQ(knows_one.received, "<first><2><3>");
  Client knows_all(io_);
  subscribe(knows_all, "a:2");
  EXPECT_EQ(knows_all.received, "<first>");
  Client unknown(io_);
  subscribe(unknown, "z:9");
  EXPECT_EQ(unknown.received, "<first>");
}

TEST_F(EventHubTest, HistoryIsBounded) {
  for (std::size_t i = 0; i <= EventHub::kMaxHistory; ++i) {
    hub_->publish("a:" + std::to_string(i), ".");
  }
  settle();
  Client forgotten(io_);
  subscribe(forgotten, "a:0");
  EXPECT_EQ(forgotten.received, "<first>");
  Client oldest(io_);
  subscribe(oldest, "a:1");
  EXPECT_EQ(oldest.received.size(), std::string("<first>").size() + EventHub::kMaxHistory - 1);
}

TEST_F(EventHubTest, SlowClientHoldsNobodyUpAndLosesNothing) {
  Client slow(io_);
  slow.slow = true;
  subscribe(slow);
  Client quick(io_);
  subscribe(quick);
  hub_->publish("a:1", "<1>");
  hub_->publish("a:2", "<2>");
  settle();
  EXPECT_EQ(quick.received, "<first><1><2>");
  EXPECT_EQ(slow.received, "<first>");
  slow.take();
  settle();
  EXPECT_EQ(slow.received, "<first><1><2>");
  EXPECT_EQ(slow.writes, 2);
}

TEST_F(EventHubTest, ClientThatLagsTooFarIsToldAndCut) {
  Client slow(io_);
  slow.slow = true;
  subscribe(slow);
  for (std::size_t i = 0; i <= EventHub::kMaxQueued; ++i) {
    hub_->publish("a:" + std::to_string(i), ".");
  }
  settle();
  EXPECT_FALSE(slow.ended);
  slow.take();
  settle();
  EXPECT_TRUE(slow.ended);
  EXPECT_TRUE(slow.received.ends_with("event: lagged\ndata: {\"behind\":1024}\n\n"));
  EXPECT_EQ(hub_->subscribers(), 0U);
}

TEST_F(EventHubTest, CloseEndsAllStreams) {
  Client client(io_);
  subscribe(client);
  hub_->close();
  settle();
  EXPECT_TRUE(client.ended);
  Client late(io_);
  subscribe(late);
  EXPECT_TRUE(late.ended);
}

TEST_F(EventHubTest, EventsOfManyThreadsAllArrive) {
  Client client(io_);
  subscribe(client);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        hub_->publish(std::to_string(t) + ":" + std::to_string(i), "x");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  settle();
  EXPECT_EQ(client.received, "<first>" + std::string(400, 'x'));
}

TEST_F(EventHubTest, AfterDetachEventsAreDropped) {
  Client client(io_);
  subscribe(client);
  hub_->detach();
  hub_->publish("a:1", "<1>");
  settle();
  EXPECT_EQ(client.received, "<first>");
  hub_->close();
  settle();
}

class QuickHeartbeatTest : public EventHubTest {
 protected:
  QuickHeartbeatTest() : EventHubTest(milliseconds(1)) {}
};

TEST_F(QuickHeartbeatTest, SilenceIsBrokenByComments) {
  Client client(io_);
  subscribe(client);
  io_.restart();
  while (client.writes < 3) io_.run_one();
  EXPECT_EQ(client.received.substr(0, 34), "<first>: heartbeat\n\n: heartbeat\n\n");
}

}  // namespace
}  // namespace stormlog::http
