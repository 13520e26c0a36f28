// The whole gateway over real sockets, in front of producers that die, hang and come back.

#include "pipeline/gateway/api_gateway.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "common/compression/compression_test_support.hpp"
#include "common/http/curl_client.hpp"
#include "common/service/service.hpp"
#include "pipeline/gateway/fake_producer_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;  // NOLINT: a test
using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using Mode = FakeProducer::Mode;

class ApiGatewayTest : public ::testing::Test {
 protected:
  ~ApiGatewayTest() override { stop(); }

  static ApiGatewayConfig test_config(const std::string& producers,
                                      const std::string& queries = "http://127.0.0.1:1") {
    ApiGatewayConfig config;
    config.service.listen = "127.0.0.1:0";
    config.service.log_level = "off";
    config.producers = producers;
    config.queries = queries;
    return config;
  }
  void start(ApiGatewayConfig config) {
    auto gateway = ApiGateway::create(std::move(config));
    ASSERT_TRUE(gateway.ok()) << gateway.error().message;
    gateway_ = std::move(*gateway);
    const auto listening = gateway_->service().listen();
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    exit_code_ = std::async(std::launch::async, [this] { return gateway_->service().run(); });
  }
  int stop() {
    if (!exit_code_.valid()) return -1;
    gateway_->service().request_stop();
    return exit_code_.get();
  }
  http::FetchResponse fetch(http::FetchRequest request, const std::string& target) {
    request.url = "http://127.0.0.1:" + std::to_string(gateway_->service().port()) + target;
    request.timeout = 60s;
    const auto response = http::fetch(request);
    EXPECT_TRUE(response.ok()) << response.error().message;
    return response.ok() ? *response : http::FetchResponse();
  }
  http::FetchResponse post(const std::string& body = R"({"body":"x"})",
                           const std::string& type = "application/json") {
    http::FetchRequest request;
    request.method = "POST";
    request.headers.set("Content-Type", type);
    request.body = body;
    return fetch(std::move(request), "/api/v1/logs");
  }
  http::FetchResponse get(const std::string& target) { return fetch({}, target); }
  std::string state(const std::string& name = "log-producer") {
    std::istringstream lines(get("/metrics").body);
    const std::string start = "resilience4j_circuitbreaker_state{name=\"" + name + "\",state=\"";
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(start, 0) != 0 || line.back() != '1') continue;
      return line.substr(start.size(), line.find('"', start.size()) - start.size());
    }
    return {};
  }
  template <typename Condition>
  bool wait(Condition holds) {
    for (int i = 0; i < 6'000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  std::unique_ptr<ApiGateway> gateway_;
  std::future<int> exit_code_;
};

TEST_F(ApiGatewayTest, PassesEventsOn) {
  FakeProducer producer;
  start(test_config(producer.url()));
  ASSERT_TRUE(wait([&] { return get("/readyz").status == 200; }));
  const auto response =
      post(R"([{"id":"01890a5d-ac96-774b-bcce-b302099a8057","body":"x"},{"id":1},{"body":"y"}])");
  EXPECT_EQ(response.status, 202);
  const json body = json::parse(response.body);
  EXPECT_EQ(body["accepted"], 2);
  EXPECT_EQ(body["rejected"], 1);
  EXPECT_EQ(body["errors"][0]["index"], 1);
  EXPECT_EQ(producer.events(), 2);
  EXPECT_EQ(producer.ids().count(*Uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057")), 1U);
  EXPECT_EQ(stop(), 0);
}

TEST_F(ApiGatewayTest, RefusesWithoutAskingTheProducer) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.service.limits.max_body_bytes = 100'000;
  start(std::move(config));
  EXPECT_EQ(post("{").status, 400);
  EXPECT_EQ(post("x", "text/plain").status, 415);
  EXPECT_EQ(post(R"({"id":1})").status, 422);
  EXPECT_EQ(post(std::string(200'000, ' ')).status, 413);
  EXPECT_EQ(post("[]").status, 202);
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_EQ(producer.batches(), 0);
}

// The rows of the table of codes that a request alone brings about.
TEST_F(ApiGatewayTest, EachCodeHasItsReason) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.service.limits.max_body_bytes = 100'000;
  start(std::move(config));
  struct Row {
    int status;
    std::string type;
    std::string encoding;
    std::string body;
  };
  const std::string event = R"({"body":"x"})";
  const std::string bomb = R"({"body":")" + std::string(200'000, 'x') + R"("})";
  const std::vector<Row> table = {
      {202, "application/json", "", event},
      {202, "application/json", "gzip", compression::gzipped(event)},
      {202, "application/json", "zstd", compression::zstandard(event)},
      {202, "application/x-ndjson", "", event + "\n{\n" + event},
      {400, "application/json", "", "{"},
      {400, "application/json", "gzip", event},
      {400, "application/json", "zstd", compression::zstandard(event).substr(0, 12)},
      {400, "application/x-ndjson", "", "{\n"},
      {413, "application/json", "", bomb},
      {413, "application/json", "gzip", compression::gzipped(bomb)},
      {413, "application/json", "zstd", compression::zstandard(bomb)},
      {415, "text/plain", "", event},
      {415, "application/json", "br", event},
      {422, "application/json", "", R"({"id":1})"},
  };
  for (const Row& row : table) {
    http::FetchRequest request;
    request.method = "POST";
    request.headers.set("Content-Type", row.type);
    if (!row.encoding.empty()) request.headers.set("Content-Encoding", row.encoding);
    request.body = row.body;
    const auto response = fetch(std::move(request), "/api/v1/logs");
    EXPECT_EQ(response.status, row.status)
        << row.type << " " << row.encoding << ": " << response.body;
    EXPECT_EQ(response.headers.get("Content-Type"),
              row.status == 202 ? "application/json" : "application/problem+json");
  }
  const auto with_key = [&](const std::string& body) {
    http::FetchRequest request;
    request.method = "POST";
    request.headers.set("Content-Type", "application/json");
    request.headers.set("Idempotency-Key", "k");
    request.body = body;
    return fetch(std::move(request), "/api/v1/logs").status;
  };
  EXPECT_EQ(with_key(event), 202);
  EXPECT_EQ(with_key(event), 202);
  EXPECT_EQ(with_key(R"({"body":"y"})"), 409);
}

TEST_F(ApiGatewayTest, AKeyIsFreeAgainWhenNothingWasStored) {
  FakeProducer producer;
  start(test_config(producer.url()));
  const auto with_key = [&](const std::string& body) {
    http::FetchRequest request;
    request.method = "POST";
    request.headers.set("Content-Type", "application/json");
    request.headers.set("Idempotency-Key", "k");
    request.body = body;
    return fetch(std::move(request), "/api/v1/logs").status;
  };
  producer.set_mode(Mode::unavailable);
  EXPECT_EQ(with_key(R"({"body":"x"})"), 503);
  producer.set_mode(Mode::unknown);
  EXPECT_EQ(with_key(R"({"body":"y"})"), 504);  // may be stored: it is this body's from here on
  producer.set_mode(Mode::accept);
  EXPECT_EQ(with_key(R"({"body":"x"})"), 409);
  EXPECT_EQ(with_key(R"({"body":"y"})"), 202);
}

TEST_F(ApiGatewayTest, EachApiAnswersInItsOwnWay) {
  FakeProducer producer;
  start(test_config(producer.url()));
  const auto send = [&](const std::string& path, const std::string& body) {
    http::FetchRequest request;
    request.method = "POST";
    request.headers.set("Content-Type", "application/json");
    request.body = body;
    return fetch(std::move(request), path);
  };
  const std::string otlp =
      R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}}]}]}]})";
  const std::string loki =
      R"({"streams":[{"stream":{"app":"x"},"values":[["1769860800500000000","a"]]}]})";
  EXPECT_EQ(send("/v1/logs", otlp).status, 200);
  EXPECT_EQ(send("/loki/api/v1/push", loki).status, 204);
  EXPECT_EQ(producer.events(), 2);
  EXPECT_EQ(send("/v1/logs", "{").status, 400);
  EXPECT_EQ(send("/loki/api/v1/push", "{").status, 400);

  producer.set_mode(Mode::unavailable);
  for (const auto& [path, body] :
       {std::pair{"/v1/logs", otlp}, std::pair{"/loki/api/v1/push", loki}}) {
    const auto response = send(path, body);
    EXPECT_EQ(response.status, 503) << path;
    EXPECT_EQ(response.headers.get("Retry-After"), "7") << path;
  }
  producer.kill();
  ASSERT_TRUE(wait([&] { return state() == "open"; }));
  const auto refused = send("/v1/logs", otlp);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(json::parse(refused.body)["code"], 14);
  EXPECT_THAT(refused.headers.get("Retry-After"), ::testing::Not(""));
}

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
