// Reads through the gateway over real sockets, with a log consumer that hangs and goes away.

#include "pipeline/gateway/api_gateway_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;

// A log consumer that answers reads.
class FakeConsumer {
 public:
  explicit FakeConsumer(std::uint16_t port = 0) {
    http::Router router;
    router.add("GET", "/api/v1/logs/{id}",
               [this](http::Request& request) -> boost::asio::awaitable<http::Response> {
                 ++reads;
                 while (hang) {
                   boost::asio::steady_timer timer(io_, 5ms);
                   co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
                 }
                 co_return http::Response::json(
                     request.path_param("id") == "missing" ? 404 : 200,
                     R"({"query":")" + std::string(request.query()) + R"("})");
               });
    server_ = std::make_unique<http::Server>(io_, std::move(router), http::ServerLimits{});
    if (!server_->listen("127.0.0.1:" + std::to_string(port)).ok())
      throw std::runtime_error("no port");
    thread_ = std::thread([this] { io_.run(); });
  }
  ~FakeConsumer() {
    io_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return server_->port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  std::atomic<int> reads{0};
  std::atomic<bool> hang{false};

 private:
  boost::asio::io_context io_{1};
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

TEST_F(ApiGatewayTest, PassesReadsOn) {
  FakeProducer producer;
  FakeConsumer consumer;
  start(test_config(producer.url(), consumer.url()));
  for (int i = 0; i < 3; ++i) {
    const auto response = get("/api/v1/logs/17?a=b");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"query":"a=b"})");
    EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
  }
  EXPECT_EQ(get("/api/v1/logs/missing").status, 404);
  EXPECT_EQ(state("log-consumer"), "closed");
}

TEST_F(ApiGatewayTest, ReadsWithoutAConsumerOpenItsBreakerAlone) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.query_breaker.open_wait = 60s;
  config.query_breaker.open_wait_max = 60s;
  start(std::move(config));
  for (int i = 0; i < 4; ++i) {
    const auto response = get("/api/v1/logs/17");
    EXPECT_EQ(response.status, 503);
    EXPECT_TRUE(response.headers.has("Retry-After"));
  }
  EXPECT_EQ(state("log-consumer"), "open");
  EXPECT_EQ(post().status, 202);
}

TEST_F(ApiGatewayTest, AReadWithoutAnAnswerIs504) {
  FakeProducer producer;
  FakeConsumer consumer;
  auto config = test_config(producer.url(), consumer.url());
  config.query.timeout = 100ms;
  start(std::move(config));
  consumer.hang = true;
  EXPECT_EQ(get("/api/v1/logs/17").status, 504);
  consumer.hang = false;
  EXPECT_TRUE(wait([&] { return get("/api/v1/logs/17").status == 200; }));
}

TEST_F(ApiGatewayTest, AReadSurvivesAConnectionThatWasClosedMeanwhile) {
  FakeProducer producer;
  auto consumer = std::make_unique<FakeConsumer>();
  start(test_config(producer.url(), consumer->url()));
  ASSERT_EQ(get("/api/v1/logs/17").status, 200);
  const std::uint16_t port = consumer->port();
  consumer.reset();
  consumer = std::make_unique<FakeConsumer>(port);
  EXPECT_EQ(get("/api/v1/logs/17").status, 200);
  EXPECT_EQ(consumer->reads, 1);
}

}  // namespace
}  // namespace stormlog::pipeline
