// The gateway over real sockets, in front of producers that die, hang and come back.

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <future>
#include <thread>

#include "pipeline/gateway/api_gateway_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using Mode = FakeProducer::Mode;

TEST_F(ApiGatewayTest, ManyAtOnceShareBatches) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.upstream.connections = config.upstream.max_connections = 1;
  start(std::move(config));
  ASSERT_EQ(post().status, 202);
  producer.set_mode(Mode::hang);
  std::vector<std::future<int>> posts;
  for (int i = 0; i < 8; ++i) {
    posts.push_back(std::async(std::launch::async, [this] { return post().status; }));
  }
  // One travels; the others gather behind it.
  ASSERT_TRUE(wait([&] {
    const std::string metrics = get("/metrics").body;
    return producer.batches() == 2 &&
           metrics.find("http_inflight_requests 9\n") != std::string::npos;
  }));
  producer.set_mode(Mode::accept);
  for (auto& each : posts) EXPECT_EQ(each.get(), 202);
  EXPECT_EQ(producer.events(), 9);
  EXPECT_LE(producer.batches(), 4);
}

TEST_F(ApiGatewayTest, WithoutAProducerItAnswersAtOnce) {
  std::uint16_t port = 0;
  { port = FakeProducer().port(); }
  start(test_config("http://127.0.0.1:" + std::to_string(port)));
  ASSERT_TRUE(wait([&] { return state() == "open"; }));
  const auto response = post();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.get("Retry-After"), "1");
  EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(get("/readyz").status, 503);
  FakeProducer producer(port);
  EXPECT_TRUE(wait([&] { return post().status == 202; }));
  EXPECT_EQ(state(), "closed");
}

// Without a single request: the watch sees the broken connections.
TEST_F(ApiGatewayTest, AKillOpensTheBreakerWithoutTraffic) {
  FakeProducer producer;
  start(test_config(producer.url()));
  ASSERT_EQ(post().status, 202);
  producer.kill();
  ASSERT_TRUE(wait([&] { return state() == "open"; }));
  EXPECT_EQ(post().status, 503);
  producer.restart();
  ASSERT_TRUE(wait([&] { return state() == "closed"; }));
  EXPECT_EQ(post().status, 202);
}

// A proxy in front accepts for the dead producer, and ends the connection at once.
TEST_F(ApiGatewayTest, AProducerBehindAProxyIsFoundBeforeTheBreakersWaitIsOver) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.upstream_breaker.open_wait = config.upstream_breaker.open_wait_max = 10min;
  start(std::move(config));
  ASSERT_EQ(post().status, 202);
  producer.kill();
  {
    asio::io_context io;
    asio::ip::tcp::acceptor proxy(io, {asio::ip::make_address("127.0.0.1"), producer.port()});
    const std::function<void()> refuse = [&] {
      proxy.async_accept([&](const boost::system::error_code& error, asio::ip::tcp::socket client) {
        client.close();
        if (!error) refuse();
      });
    };
    refuse();
    std::thread thread([&] { io.run(); });
    EXPECT_TRUE(wait([&] { return state() == "open"; }));
    io.stop();
    thread.join();
  }
  producer.restart();
  EXPECT_TRUE(wait([&] { return state() == "closed"; }));
  EXPECT_EQ(post().status, 202);
}

TEST_F(ApiGatewayTest, AKillInMidFlightLeavesTheOutcomeUnknown) {
  FakeProducer producer;
  start(test_config(producer.url()));
  ASSERT_EQ(post().status, 202);
  producer.set_mode(Mode::hang);
  auto during = std::async(std::launch::async, [this] { return post(); });
  ASSERT_TRUE(wait([&] { return producer.batches() == 2; }));
  producer.kill();
  const auto response = during.get();
  EXPECT_EQ(response.status, 504);
  EXPECT_THAT(response.body, HasSubstr("same ids"));
  ASSERT_TRUE(wait([&] { return state() == "open"; }));
  EXPECT_EQ(post().status, 503);
  producer.set_mode(Mode::accept);
  producer.restart();
  EXPECT_TRUE(wait([&] { return post().status == 202; }));
}

TEST_F(ApiGatewayTest, TheRetryBudgetShrinksWithFailuresAndRefillsWithSuccesses) {
  const auto tokens = [this] {
    const std::string metrics = get("/metrics").body;
    const std::string name = "\ngateway_retry_budget_tokens ";
    const std::size_t at = metrics.find(name);
    return at == std::string::npos ? -1 : std::stod(metrics.substr(at + name.size()));
  };
  FakeProducer producer;
  start(test_config(producer.url()));
  ASSERT_EQ(post().status, 202);
  EXPECT_DOUBLE_EQ(tokens(), 100);
  producer.set_mode(Mode::hang);
  auto during = std::async(std::launch::async, [this] { return post(); });
  ASSERT_TRUE(wait([&] { return producer.batches() == 2; }));
  producer.kill();
  EXPECT_EQ(during.get().status, 504);
  EXPECT_DOUBLE_EQ(tokens(), 99);
  producer.set_mode(Mode::accept);
  producer.restart();
  EXPECT_TRUE(wait([&] { return post().status == 202; }));
  EXPECT_NEAR(tokens(), 99.1, 0.001);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(post().status, 202);
  EXPECT_DOUBLE_EQ(tokens(), 100);
}

TEST_F(ApiGatewayTest, SurvivesManyKills) {
  FakeProducer producer;
  start(test_config(producer.url()));
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(wait([&] { return post().status == 202; })) << round;
    producer.kill();
    EXPECT_THAT(post().status, AnyOf(503, 504));
    ASSERT_TRUE(wait([&] { return state() != "closed"; })) << round;
    producer.restart();
  }
  EXPECT_TRUE(wait([&] { return post().status == 202; }));
}

TEST_F(ApiGatewayTest, AProducerThatSaysNoDoesNotOpenTheBreaker) {
  FakeProducer producer;
  start(test_config(producer.url()));
  ASSERT_EQ(post().status, 202);
  producer.set_mode(Mode::unavailable);
  for (int i = 0; i < 20; ++i) {
    const auto response = post();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.headers.get("Retry-After"), "7");
  }
  EXPECT_EQ(state(), "closed");
  producer.set_mode(Mode::accept);
  EXPECT_EQ(post().status, 202);
}

TEST_F(ApiGatewayTest, AProducerThatFailsOpensTheBreaker) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.upstream_breaker.open_wait = 60s;
  config.upstream_breaker.open_wait_max = 60s;
  config.upstream_breaker.open_wait_jitter = 0;
  start(std::move(config));
  ASSERT_EQ(post().status, 202);
  producer.set_mode(Mode::error);
  EXPECT_EQ(post().status, 504);
  producer.set_mode(Mode::garbage);
  EXPECT_EQ(post().status, 504);
  EXPECT_EQ(post().status, 504);
  EXPECT_EQ(state(), "open");
  const auto refused = post();
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(std::string(refused.headers.get("Retry-After")), AnyOf("59", "60"));
}

TEST_F(ApiGatewayTest, UnknownToTheProducerIsUnknownToTheClient) {
  FakeProducer producer;
  start(test_config(producer.url()));
  producer.set_mode(Mode::unknown);
  ASSERT_TRUE(wait([&] { return post().status == 504; }));
  EXPECT_EQ(state(), "closed");
}

TEST_F(ApiGatewayTest, ADeadlineEndsTheWait) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.request_timeout = 200ms;
  config.upstream.connections = config.upstream.max_connections = 1;
  start(std::move(config));
  ASSERT_EQ(post().status, 202);
  producer.set_mode(Mode::hang);
  auto first = std::async(std::launch::async, [this] { return post().status; });
  ASSERT_TRUE(wait([&] { return producer.batches() == 2; }));
  EXPECT_EQ(post().status, 503);  // it never left the queue
  EXPECT_EQ(first.get(), 504);    // it may have arrived
}

// A paused producer was answered by 12 s, when its clients had hung up after 10 and knew nothing.
TEST_F(ApiGatewayTest, ClientsAreToldBeforeTheyHangUp) {
  const ApiGatewayConfig config;
  const std::chrono::seconds usual_client{10};
  EXPECT_LT(config.request_timeout, usual_client);
  EXPECT_LT(config.upstream.timeout, config.request_timeout);
}

// Batches that hang at a producer, which waits for Kafka, must not keep others from its quick no.
TEST_F(ApiGatewayTest, BlockedConnectionsDoNotBlockTheQueue) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.upstream.connections = 1;
  start(std::move(config));
  ASSERT_EQ(post().status, 202);
  producer.set_mode(Mode::hang);
  auto blocked = std::async(std::launch::async, [this] { return post().status; });
  ASSERT_TRUE(wait([&] { return producer.batches() == 2; }));
  producer.hold();  // the one that hangs goes on hanging
  producer.set_mode(Mode::unavailable);
  EXPECT_EQ(post().status, 503);
  producer.release();
  producer.set_mode(Mode::accept);
  EXPECT_THAT(blocked.get(), AnyOf(202, 503));
}

TEST_F(ApiGatewayTest, AFullQueueIsShed) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.queue.queue_bytes = 1'000;
  config.upstream.connections = config.upstream.max_connections = 1;
  start(std::move(config));
  ASSERT_EQ(post().status, 202);
  producer.set_mode(Mode::hang);
  const std::string large = R"({"body":")" + std::string(700, 'x') + R"("})";
  std::vector<std::future<int>> posts;
  posts.push_back(std::async(std::launch::async, [&] { return post(large).status; }));
  ASSERT_TRUE(wait([&] { return producer.batches() == 2; }));
  posts.push_back(std::async(std::launch::async, [&] { return post(large).status; }));
  ASSERT_TRUE(wait([&] {
    return get("/metrics").body.find("gateway_queue_requests 1\n") != std::string::npos;
  }));
  const auto shed = post(large);
  EXPECT_EQ(shed.status, 503);
  EXPECT_EQ(shed.headers.get("Retry-After"), "1");
  producer.set_mode(Mode::accept);
  for (auto& each : posts) EXPECT_EQ(each.get(), 202);
}

TEST_F(ApiGatewayTest, AnotherProducerTakesOver) {
  FakeProducer first;
  FakeProducer second;
  start(test_config(first.url() + "," + second.url()));
  ASSERT_TRUE(wait([&] { return post().status == 202; }));
  ASSERT_TRUE(wait([&] {
    const std::string metrics = get("/metrics").body;
    return metrics.find(
               "gateway_upstream_connections{producer=\"log-producer-1\",state=\"idle\"} 4") !=
               std::string::npos &&
           metrics.find(
               "gateway_upstream_connections{producer=\"log-producer-2\",state=\"idle\"} 4") !=
               std::string::npos;
  }));
  std::atomic<bool> done{false};
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!done) failed += post().status == 202 ? 0 : 1;
    });
  }
  ASSERT_TRUE(wait([&] { return first.events() + second.events() > 50; }));
  first.kill();
  ASSERT_TRUE(wait([&] { return state("log-producer-1") == "open"; }));
  const int before = second.events();
  EXPECT_TRUE(wait([&] { return second.events() > before + 50; }));
  done = true;
  for (auto& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(state("log-producer-2"), "closed");
  EXPECT_EQ(get("/readyz").status, 200);
}

TEST(ApiGatewayConfig, BadUrlsAreNamed) {
  for (const char* bad :
       {"", "127.0.0.1:8081", "https://127.0.0.1:1", "http://a:1/path", "http://127.0.0.1:1,"}) {
    ApiGatewayConfig config;
    config.producers = bad;
    const auto gateway = ApiGateway::create(config);
    ASSERT_FALSE(gateway.ok()) << bad;
    EXPECT_THAT(gateway.error().message, HasSubstr("producers"));
  }
}

}  // namespace
}  // namespace stormlog::pipeline
