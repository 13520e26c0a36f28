#include "common/service/service_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::service {
namespace {

using ::testing::HasSubstr;

ServiceConfig listening_on(const char* address) {
  ServiceConfig config("log-producer", 8081);
  config.listen = address;
  return config;
}

TEST(ServiceConfigTest, LoopbackIsAllowed) {
  for (const char* address :
       {"127.0.0.1:8080", "127.9.9.9:1", "localhost:8080", "[::1]:8080", "127.0.0.1:0"}) {
    EXPECT_TRUE(check_listen_address(listening_on(address)).ok()) << address;
  }
}

TEST(ServiceConfigTest, OtherAddressesNeedConsent) {
  for (const char* address : {"0.0.0.0:8080", "192.168.1.1:8080", "[::]:8080", "[fe80::1]:80",
                              "example.com:80", "localhost.example.com:80", "127.1:80"}) {
    ServiceConfig config = listening_on(address);
    const auto refused = check_listen_address(config);
    ASSERT_FALSE(refused.ok()) << address;
    EXPECT_EQ(refused.error().kind, ErrorKind::permanent);
    EXPECT_THAT(refused.error().message, HasSubstr(address));
    EXPECT_THAT(refused.error().message, HasSubstr("allow-remote"));
    EXPECT_THAT(refused.error().message, HasSubstr("tokens-file"));
    config.allow_remote = true;
    EXPECT_TRUE(check_listen_address(config).ok()) << address;
    config.allow_remote = false;
    config.tokens_file = "tokens.yaml";
    EXPECT_TRUE(check_listen_address(config).ok()) << address;
  }
}

TEST(ServiceConfigTest, OneTableHoldsTheSharedOptions) {
  ServiceConfig config("log-producer", 8081);
  OptionTable options("log-producer", "PRODUCER_", "Publishes.");
  add_service_options(options, config);
  std::string brokers = "127.0.0.1:9092";
  options.add("kafka-brokers", &brokers, "TEXT", "Brokers.");
  EXPECT_EQ(config.listen, "127.0.0.1:8081");
  ASSERT_TRUE(options
                  .apply("", {"PRODUCER_MAX_BODY=1MiB", "PRODUCER_LOG_FORMAT=text"},
                         {{"idle-timeout", "5s"},
                          {"drain-timeout", "0"},
                          {"allow-remote", "true"},
                          {"max-connections", "7"}})
                  .ok());
  EXPECT_EQ(config.limits.max_body_bytes, 1024U * 1024U);
  EXPECT_EQ(config.limits.idle_timeout, std::chrono::seconds(5));
  EXPECT_EQ(config.limits.max_connections, 7);
  EXPECT_EQ(config.drain_timeout.count(), 0);
  EXPECT_EQ(config.log_format, "text");
  EXPECT_TRUE(config.allow_remote);
  EXPECT_FALSE(options.apply("", {}, {{"log-level", "loud"}}).ok());
}

TEST(ServiceConfigTest, EveryDefaultIsWithinItsBounds) {
  ServiceConfig config("api-gateway", 8080);
  OptionTable options("api-gateway", "GATEWAY_", "Entry.");
  add_service_options(options, config);
  for (const auto& option : options.options()) {
    const auto parsed = option.parse(option.default_text);
    EXPECT_TRUE(parsed.ok()) << option.name << ": " << parsed.error().message;
  }
}

TEST(ServiceConfigTest, LogLevels) {
  EXPECT_EQ(log_level("debug"), log::Level::debug);
  EXPECT_EQ(log_level("warn"), log::Level::warn);
  EXPECT_EQ(log_level("error"), log::Level::error);
  EXPECT_EQ(log_level("off"), log::Level::off);
  EXPECT_EQ(log_level("info"), log::Level::info);
}

}  // namespace
}  // namespace stormlog::service
