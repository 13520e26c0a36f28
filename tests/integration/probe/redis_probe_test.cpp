// The redis probe against a real Redis: what it counts, and that an outage is no data and not the
// end of the probe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chaos/probe/probe.hpp"
#include "common/redis/connection.hpp"
#include "support/redis_server.hpp"

namespace stormlog::chaos {
namespace {

class RedisProbeTest : public testing::Test {
 protected:
  std::unique_ptr<Probe> probe(const std::string& keys) {
    const ProbeKind* kind = find_probe_kind("redis");
    const auto params = document::parse_params({"connection=" + server.url(), "keys=" + keys},
                                               kind->params, "probe \"redis\"");
    if (!params.ok()) throw std::invalid_argument(params.error().message);
    auto made = kind->make(stack, *params);
    if (!made.ok()) throw std::invalid_argument(made.error().message);
    return std::move(*made);
  }
  std::string ask(const std::string& keys) {
    const ProbeResult result = probe(keys)->measure();
    return result.has_data ? result.value.dump() : "no data: " + result.no_data;
  }
  void run(const redis::Command& command) {
    redis::Client client(*redis::Url::parse(server.url()));
    const auto done = client.command(command);
    ASSERT_TRUE(done.ok()) << done.error().message;
  }

  Stack stack;
  test::RedisServer server;
};

TEST_F(RedisProbeTest, CountsTheEntriesOfAllKeysOfThePattern) {
  EXPECT_EQ(ask("a:*"), R"({"value":0,"keys":0})");
  run({"XADD", "a:stream", "*", "f", "v"});
  run({"XADD", "a:stream", "*", "f", "v"});
  run({"RPUSH", "a:list", "1", "2", "3"});
  run({"SADD", "a:set", "1"});
  run({"ZADD", "a:sorted", "1", "x"});
  run({"HSET", "a:hash", "f", "1", "g", "2"});
  run({"SET", "a:text", "a long text"});
  run({"RPUSH", "b:list", "1"});
  EXPECT_EQ(ask("a:*"), R"({"value":10,"keys":6})");
  EXPECT_EQ(ask("a:stream"), R"({"value":2,"keys":1})");
}

TEST_F(RedisProbeTest, AnOutageIsNoDataAndARestartIsNotSeen) {
  const auto kept = probe("*");
  ASSERT_TRUE(kept->measure().has_data);
  server.kill9();
  const ProbeResult away = kept->measure();
  EXPECT_FALSE(away.has_data);
  EXPECT_FALSE(away.no_data.empty());
  server.start();
  EXPECT_TRUE(kept->measure().has_data);
  server.kill9();
  server.start();
  const ProbeResult again = kept->measure();
  EXPECT_TRUE(again.has_data) << again.no_data;
}

}  // namespace
}  // namespace stormlog::chaos
