// Streams through the proxy, between a service that tells what it likes and a client that leaves.

#include "pipeline/gateway/query_proxy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <mutex>
#include <thread>

#include "common/http/curl_client.hpp"
#include "common/service/service.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

service::ServiceConfig quiet(const char* name) {
  service::ServiceConfig config(name, 0);
  config.log_level = "off";
  return config;
}

// Runs a service on a thread of its own until it ends.
class Running {
 public:
  explicit Running(service::Service& service) : service_(service) {
    EXPECT_TRUE(service_.listen().ok());
    done_ = std::async(std::launch::async, [this] { return service_.run(); });
  }
  ~Running() {
    service_.request_stop();
    done_.wait();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(service_.port()); }

 private:
  service::Service& service_;
  std::future<int> done_;
};

class QueryProxyTest : public testing::Test {
 protected:
  QueryProxyTest() {
    consumer_.router().add_stream(
        "GET", "/tail",
        [this](http::Request& request) -> asio::awaitable<std::pair<http::Response, http::Stream>> {
          last_id_ = std::string(request.headers.get("Last-Event-ID"));
          if (refuse_)
            co_return std::pair(http::problem(503, "full of readers", 5), http::Stream());
          http::Response head;
          head.headers.set("Content-Type", "text/event-stream");
          http::Stream stream = [this](http::StreamWriter& writer) { return tell(writer); };
          co_return std::pair(std::move(head), std::move(stream));
        });
    consumer_running_ = std::make_unique<Running>(consumer_);
    breaker_ = std::make_shared<resilience::CircuitBreaker>("log-consumer", query_breaker_config(),
                                                            SystemClock::instance(), Random(1));
  }
  ~QueryProxyTest() override {
    ended_ = true;
    gateway_running_.reset();
    consumer_running_.reset();
  }

  void start(QueryProxyConfig config = {}) {
    proxy_ = std::make_unique<QueryProxy>(
        gateway_.io(), *http::Url::parse(consumer_running_->url()), config, breaker_);
    gateway_.router().add_stream("GET", "/tail",
                                 [this](http::Request& r) { return proxy_->stream(r); });
    gateway_.on_drain([this]() -> asio::awaitable<void> {
      proxy_->close_streams();
      co_return;
    });
    gateway_running_ = std::make_unique<Running>(gateway_);
  }

  // Beats every few milliseconds until it is told to end or the peer has gone.
  asio::awaitable<void> tell(http::StreamWriter& writer) {
    ++told_;
    asio::steady_timer timer(consumer_.io());
    for (int i = 0; !ended_; ++i) {
      const bool written =
          co_await writer.write("event: log\ndata: {\"n\":" + std::to_string(i) + "}\n\n");
      if (!written) break;
      timer.expires_after(5ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    --told_;
  }
  http::FetchRequest request() const {
    http::FetchRequest request;
    request.url = gateway_running_->url() + "/tail";
    request.timeout = 0ms;
    return request;
  }
  template <typename Condition>
  static bool wait(Condition holds) {
    for (int i = 0; i < 6'000 && !holds(); ++i) std::this_thread::sleep_for(5ms);
    return holds();
  }

  std::atomic<bool> ended_{false};
  std::atomic<bool> refuse_{false};
  std::atomic<int> told_{0};
  std::string last_id_;
  service::Service consumer_{quiet("consumer")};
  std::unique_ptr<Running> consumer_running_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  std::unique_ptr<QueryProxy> proxy_;
  service::Service gateway_{quiet("gateway")};
  std::unique_ptr<Running> gateway_running_;
};

TEST_F(QueryProxyTest, EventsComeAsTheyAreToldAndTheClientsEndEndsTheOtherSide) {
  start();
  http::FetchRequest wanted = request();
  wanted.headers.add("Last-Event-ID", "0-7");
  std::atomic<bool> stop{false};
  std::vector<std::string> seen;
  // A proxy that buffers would never call back: the stream does not end by itself.
  (void)http::read_event_stream(wanted, stop, [&](std::string_view event, std::string_view data) {
    EXPECT_EQ(event, "log");
    seen.emplace_back(data);
    return seen.size() < 20;
  });
  ASSERT_EQ(seen.size(), 20u);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i], "{\"n\":" + std::to_string(i) + "}");
  }
  EXPECT_TRUE(wait([&] { return told_ == 0; }));
  EXPECT_EQ(last_id_, "0-7");
}

TEST_F(QueryProxyTest, TheConsumersEndEndsTheClient) {
  start();
  std::atomic<bool> stop{false};
  int seen = 0;
  (void)http::read_event_stream(request(), stop, [&](std::string_view, std::string_view) {
    if (++seen == 3) ended_ = true;
    return true;
  });
  EXPECT_GE(seen, 3);
}

TEST_F(QueryProxyTest, ARefusalIsPassedOn) {
  refuse_ = true;
  start();
  const auto response = http::fetch(request());
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->headers.get("Retry-After"), "5");
  EXPECT_THAT(response->body, testing::HasSubstr("full of readers"));
}

TEST_F(QueryProxyTest, StreamsAreBoundedAndEndWhenTheGatewayDrains) {
  QueryProxyConfig config;
  config.streams = 1;
  start(config);
  std::atomic<bool> stop{false};
  std::atomic<int> seen{0};
  std::thread reader([&] {
    (void)http::read_event_stream(request(), stop, [&](std::string_view, std::string_view) {
      ++seen;
      return true;
    });
  });
  ASSERT_TRUE(wait([&] { return seen > 0; }));
  const auto second = http::fetch(request());
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->status, 503);
  gateway_.request_stop();
  reader.join();
  EXPECT_TRUE(wait([&] { return told_ == 0; }));
}

TEST_F(QueryProxyTest, AConsumerThatIsNotThereIs503AndCountsAgainstItsBreaker) {
  start();
  consumer_running_.reset();
  for (int i = 0; i < 4; ++i) {
    const auto response = http::fetch(request());
    ASSERT_TRUE(response.ok());
    EXPECT_EQ(response->status, 503);
    EXPECT_TRUE(response->headers.has("Retry-After"));
  }
  EXPECT_EQ(breaker_->state(), resilience::BreakerState::open);
}

}  // namespace
}  // namespace stormlog::pipeline
