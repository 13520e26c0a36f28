// The gateway, a producer and a consumer as processes, between a mock Kafka, a real PostgreSQL and
// a real Redis: schemathesis reads the OpenAPI document that the gateway serves, makes requests of
// it and beside it, and compares what comes back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/http/curl_client.hpp"
#include "common/postgres/connection.hpp"
#include "consumer/events.hpp"
#include "consumer/mock_kafka.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_server.hpp"

namespace stormlog {
namespace {

using namespace std::chrono_literals;
using test::eventually;

constexpr const char* kToken = "the-token-of-the-tests";
constexpr const char* kTokenSha256 =
    "3c25bd5e1617d53df9fdc28e7239de0155cdc0edc03e63e5d7fdebc6eef77fc6";

class OpenApi : public testing::Test {
 protected:
  static void SetUpTestSuite() { servers_ = new Servers; }
  static void TearDownTestSuite() {
    delete servers_;
    servers_ = nullptr;
  }

  struct Servers {
    Servers() {
      const std::string broker = "--kafka-brokers=" + kafka.brokers();
      const std::string token = std::string("--admin-token=") + kToken;
      consumer = start(
          "LOG_CONSUMER", consumer_port,
          {broker, token, "--group-instance-id=none", "--session-timeout=4s",
           "--postgres=" + postgres.conninfo(), "--redis=" + redis.url(), "--query-threads=4"});
      producer = start("LOG_PRODUCER", producer_port, {broker});
      // The consumer sees the client's token and knows it as its admin-token.
      gateway = start("API_GATEWAY", gateway_port,
                      {"--tokens-file=" + tokens_file(),
                       "--producers=http://127.0.0.1:" + std::to_string(producer_port),
                       "--queries=http://127.0.0.1:" + std::to_string(consumer_port)});
      EXPECT_TRUE(eventually([&] { return get("/readyz").status == 200; }, 60s));
      make_examples();
    }
    std::string tokens_file() const {
      const std::filesystem::path path = folder.path() / "tokens.yaml";
      std::ofstream(path) << "- name: tests\n  sha256: " << kTokenSha256
                          << "\n  scopes: [read, write, admin]\n";
      return path.string();
    }
    std::unique_ptr<test::ChildProcess> start(const char* variable, int port,
                                              const std::vector<std::string>& more) {
      std::vector<std::string> argv = {std::getenv(variable),
                                       "--listen=127.0.0.1:" + std::to_string(port)};
      argv.insert(argv.end(), more.begin(), more.end());
      return std::make_unique<test::ChildProcess>(
          test::ChildProcess::Options{argv, folder.path() / (std::string(variable) + ".log"), ""});
    }
    std::string url(const std::string& path = "") const {
      return "http://127.0.0.1:" + std::to_string(gateway_port) + path;
    }
    http::FetchResponse get(const std::string& path) const {
      http::FetchRequest request;
      request.url = url(path);
      request.headers.add("Authorization", std::string("Bearer ") + kToken);
      const Result<http::FetchResponse> response = http::fetch(request);
      return response.ok() ? *response : http::FetchResponse{};
    }
    // Something to be found: events, dead letters, and one that is no text.
    void make_examples() {
      for (std::uint32_t i = 0; i < 200; ++i) {
        kafka.produce(static_cast<int>(i % 4), test::stored_event(i));
      }
      kafka.produce(0, std::string("\xFF\x00no event", 10));
      kafka.produce(1, "no event");
      kafka.flush();
      EXPECT_TRUE(eventually(
          [&] {
            const auto logs =
                nlohmann::json::parse(get("/api/v1/logs?limit=1000").body, nullptr, false);
            const auto letters = nlohmann::json::parse(get("/admin/dlq").body, nullptr, false);
            return logs.is_object() && logs.contains("logs") && logs["logs"].size() == 200 &&
                   letters.is_object() && letters["depth"] == 2;
          },
          60s));
    }

    test::PostgresServer postgres;
    test::RedisServer redis;
    test::MockKafka kafka{4};
    test::TempFolder folder;
    int consumer_port = test::free_port();
    int producer_port = test::free_port();
    int gateway_port = test::free_port();
    std::unique_ptr<test::ChildProcess> consumer;
    std::unique_ptr<test::ChildProcess> producer;
    std::unique_ptr<test::ChildProcess> gateway;
  };

  // The exit code of schemathesis with that document; 0 when it found nothing.
  static int try_out(const std::filesystem::path& document, const std::string& examples,
                     const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv = {
        std::getenv("PYTHON"), "-m", "schemathesis.cli",
        std::string("--config-file=") + std::getenv("SCHEMATHESIS_CONFIG"), "run",
        document.string(), "--url=" + servers_->url(), "--max-examples=" + examples,
        "--seed=20260131", "--workers=1", "--no-color", "--generation-database=none",
        std::string("--header=Authorization: Bearer ") + kToken, "--request-timeout=15",
        // They never end; query_proxy_test, process_test and breakers_test read them.
        "--exclude-path=/api/v1/logs/tail", "--exclude-path=/admin/breakers/events"};
    argv.insert(argv.end(), more.begin(), more.end());
    test::ChildProcess child(
        test::ChildProcess::Options{argv, servers_->folder.path() / "schemathesis.log", ""});
    const std::optional<int> status = child.wait(500s);
    if (!status || !WIFEXITED(*status)) return -1;
    return WEXITSTATUS(*status);
  }
  static std::filesystem::path write_document(const std::string& text) {
    const std::filesystem::path path = servers_->folder.path() / "openapi.yaml";
    std::ofstream(path) << text;
    return path;
  }
  static std::string report() {
    std::ifstream in(servers_->folder.path() / "schemathesis.log");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  static int close_breakers() {
    int worst = 200;
    for (const char* name : {"log-producer", "log-consumer"}) {
      http::FetchRequest request;
      request.method = "POST";
      request.url = servers_->url(std::string("/admin/breakers/") + name);
      request.headers.add("Authorization", std::string("Bearer ") + kToken);
      request.body = R"({"action":"reset"})";
      const Result<http::FetchResponse> response = http::fetch(request);
      worst = std::max(worst, response.ok() ? response->status : 0);
    }
    return worst;
  }

  static Servers* servers_;
};
OpenApi::Servers* OpenApi::servers_ = nullptr;

TEST_F(OpenApi, TheDocumentIsTrue) {
  const http::FetchResponse served = servers_->get("/openapi.yaml");
  ASSERT_EQ(served.status, 200);
  EXPECT_EQ(served.headers.get("Content-Type"), "application/yaml");
  const std::filesystem::path document = write_document(served.body);
  // It would force the breakers open, and then everything else is 503, as it should be.
  const std::string breaker = "operation-id=changeBreaker";
  EXPECT_EQ(try_out(document, "60", {"--exclude-" + breaker}), 0) << report();
  EXPECT_EQ(try_out(document, "60", {"--include-" + breaker}), 0) << report();
  EXPECT_EQ(close_breakers(), 200);
  // Whatever was sent, everybody still lives.
  EXPECT_EQ(servers_->get("/livez").status, 200);
  EXPECT_EQ(servers_->get("/api/v1/logs?limit=1").status, 200);
}

TEST_F(OpenApi, AnUntrueDocumentIsFound) {
  std::string text = servers_->get("/openapi.yaml").body;
  const std::string truth = "depth: {type: integer, minimum: 0}";
  ASSERT_NE(text.find(truth), std::string::npos);
  text.replace(text.find(truth), truth.size(), "depth: {type: string}");
  EXPECT_EQ(try_out(write_document(text), "5", {"--include-path=/admin/dlq"}), 1) << report();
}

}  // namespace
}  // namespace stormlog
