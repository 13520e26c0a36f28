#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "common/base/file.hpp"
#include "common/http/curl_client.hpp"
#include "common/postgres/connection.hpp"
#include "common/redis/connection.hpp"
#include "events.hpp"
#include "mock_kafka.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_server.hpp"

namespace stormlog::test {

using namespace std::chrono_literals;

inline constexpr int kPartitions = 4;
inline constexpr auto kLong = 60s;
inline constexpr const char* kToken = "the-token-of-the-tests";

// The log-consumer as a process (from the environment's LOG_CONSUMER), between a mock Kafka, a real
// PostgreSQL and a real Redis.
class ConsumerProcess : public testing::Test {
 protected:
  static void SetUpTestSuite() { postgres_ = std::make_unique<PostgresServer>(); }
  static void TearDownTestSuite() { postgres_.reset(); }

  void SetUp() override {
    ASSERT_TRUE(db().script("DROP SCHEMA public CASCADE; CREATE SCHEMA public").ok());
  }
  void TearDown() override {
    // What the services said helps only where something went wrong.
    if (HasFailure()) std::system(("cat " + (folder_.path() / "log").string()).c_str());
  }

  static postgres::Connection db() {
    postgres::ConnectOptions options;
    options.conninfo = postgres_->conninfo();
    return std::move(*postgres::Connection::connect(options));
  }
  static std::int64_t number(const std::string& sql) {
    postgres::ConnectOptions options;
    options.conninfo = postgres_->conninfo();
    Result<postgres::Connection> connection = postgres::Connection::connect(options);
    if (!connection) return -1;
    const Result<postgres::Rows> rows = connection->query(sql);
    return rows.ok() ? rows->integer(0, 0) : -1;
  }
  static std::int64_t rows() { return number("SELECT count(*) FROM logs"); }

  struct Process {
    int port;
    std::unique_ptr<ChildProcess> child;
    std::string url(const std::string& path) const {
      return "http://127.0.0.1:" + std::to_string(port) + path;
    }
  };
  Process start(const std::vector<std::string>& more = {}) {
    Process process{free_port(), nullptr};
    std::vector<std::string> argv = {
        std::getenv("LOG_CONSUMER"), "--listen=127.0.0.1:" + std::to_string(process.port),
        "--kafka-brokers=" + kafka_.brokers(), "--group=stormlog", "--group-instance-id=none",
        // Above the 3 s for which the mock waits for more members.
        "--session-timeout=4s", "--postgres=" + postgres_->conninfo(), "--redis=" + redis_.url()};
    argv.insert(argv.end(), more.begin(), more.end());
    process.child =
        std::make_unique<ChildProcess>(ChildProcess::Options{argv, folder_.path() / "log", ""});
    EXPECT_TRUE(eventually([&] { return get(process.url("/livez")).status == 200; }));
    return process;
  }
  static http::FetchResponse get(const std::string& url) {
    http::FetchRequest request;
    request.url = url;
    const Result<http::FetchResponse> response = http::fetch(request);
    return response.ok() ? *response : http::FetchResponse{};
  }
  static http::FetchResponse send(const std::string& method, const std::string& url,
                                  const std::string& body = "", const std::string& token = kToken) {
    http::FetchRequest request;
    request.method = method;
    request.url = url;
    request.body = body;
    if (!token.empty()) request.headers.add("Authorization", "Bearer " + token);
    const Result<http::FetchResponse> response = http::fetch(request);
    return response.ok() ? *response : http::FetchResponse{};
  }
  static std::string metrics(const Process& process) { return get(process.url("/metrics")).body; }
  // The sum of the lag, or empty where there is no data.
  static std::optional<double> lag(const Process& process) {
    std::optional<double> sum;
    std::istringstream lines(metrics(process));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("kafka_consumer_lag{")) continue;
      sum = sum.value_or(0) + std::stod(line.substr(line.rfind(' ') + 1));
    }
    return sum;
  }
  static bool breaker_is(const Process& process, const std::string& name,
                         const std::string& state) {
    const auto breakers =
        nlohmann::json::parse(get(process.url("/admin/breakers")).body, nullptr, false);
    if (!breakers.is_object()) return false;
    for (const auto& breaker : breakers["breakers"]) {
      if (breaker["name"] == name) return breaker["state"] == state;
    }
    return false;
  }
  // Records in the streams of cache-only mode; -1 while Redis is away.
  std::int64_t spilled() {
    redis::Client client(*redis::Url::parse(redis_.url()));
    std::int64_t sum = 0;
    for (int partition = 0; partition < kPartitions; ++partition) {
      const Result<redis::Reply> reply =
          client.command({"XLEN", "stormlog:spill:logs:" + std::to_string(partition)});
      if (!reply) return -1;
      sum += reply->integer;
    }
    return sum;
  }
  static bool mode_is(const Process& process, const std::string& mode) {
    return metrics(process).find("consumer_mode{mode=\"" + mode + "\"} 1") != std::string::npos;
  }
  void produce(std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t i = from; i < to; ++i) {
      kafka_.produce(static_cast<int>(i % kPartitions), stored_event(i));
    }
    kafka_.flush();
  }
  void expect_exactly(std::int64_t n) {
    EXPECT_EQ(rows(), n);
    EXPECT_EQ(number("SELECT count(DISTINCT attributes->>'seq') FROM logs"), n);
    EXPECT_EQ(number("SELECT sum(next_offset) FROM consumer_offsets"), n);
  }
  void stop(Process& process) const {
    process.child->signal(SIGTERM);
    const std::optional<int> status = process.child->wait(kLong);
    ASSERT_TRUE(status) << end_of_log();
    EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 0) << *status << "\n" << end_of_log();
  }
  // One that is ended by force says there what has not ended.
  std::string end_of_log() const {
    const Result<std::string> log = file::read(folder_.path() / "log");
    return log.ok() ? log->substr(log->size() - std::min<std::size_t>(log->size(), 2'000)) : "";
  }

  inline static std::unique_ptr<PostgresServer> postgres_;
  RedisServer redis_;
  MockKafka kafka_{kPartitions};
  TempFolder folder_;
};

}  // namespace stormlog::test
