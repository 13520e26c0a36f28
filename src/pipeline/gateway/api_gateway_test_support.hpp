#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "common/http/curl_client.hpp"
#include "common/service/service.hpp"
#include "pipeline/gateway/api_gateway.hpp"
#include "pipeline/gateway/fake_producer_test_support.hpp"

namespace stormlog::pipeline {

using namespace std::chrono_literals;  // NOLINT: for tests

// The whole gateway, on a thread of its own, over real sockets.
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
  // The status of a POST with the Idempotency-Key "k".
  int post_with_key(const std::string& body) {
    http::FetchRequest request;
    request.method = "POST";
    request.headers.set("Content-Type", "application/json");
    request.headers.set("Idempotency-Key", "k");
    request.body = body;
    return fetch(std::move(request), "/api/v1/logs").status;
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

}  // namespace stormlog::pipeline
