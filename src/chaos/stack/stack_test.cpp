#include "chaos/stack/stack.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class StackTest : public testing::Test {
 protected:
  StackTest() {
    std::string pattern = (fs::temp_directory_path() / "stormlog-stack-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    ::unsetenv("STORMLOG_HOME");
    ::unsetenv("STORMLOG_STACK");
  }
  ~StackTest() override { fs::remove_all(folder_); }

  Result<Stack> load(const std::string& text, const std::vector<std::string>& profiles = {},
                     const document::Variables& overrides = {}) {
    std::ofstream(folder_ / "stack.yaml") << text;
    return load_stack(folder_ / "stack.yaml", profiles, overrides);
  }
  Stack loaded(const std::string& text, const std::vector<std::string>& profiles = {},
               const document::Variables& overrides = {}) {
    auto stack = load(text, profiles, overrides);
    EXPECT_TRUE(stack.ok()) << (stack.ok() ? "" : stack.error().message);
    return stack.ok() ? std::move(*stack) : Stack{};
  }
  std::string error_of(const std::string& text, const std::vector<std::string>& profiles = {}) {
    const auto stack = load(text, profiles);
    return stack.ok() ? "" : stack.error().message;
  }

  fs::path folder_;
};

TEST_F(StackTest, ReadsAService) {
  const Stack stack = loaded(R"(
version: 1
name: demo
variables: {port: "9092", address: "127.0.0.1:${port}"}
services:
  kafka:
    command: [java, "${data}/server.properties", "${home}"]
    prepare: [[format, "${data}"]]
    files: [{from: deploy/a, to: "${data}/a"}]
    environment: {HEAP: 512m, EMPTY: }
    user: nobody
    data: true
    data_version: v1
    ports: [9092, 9093]
    health: {tcp: "${address}", interval: 100ms, unhealthy_after: 2, start_period: 5s}
    restart: {policy: on_failure, backoff: 50ms, max_backoff: 1s, stable_after: 2s, crash_loop_after: 3}
    stop: {signal: INT, timeout: 3s}
    install: apt-get install java
    metrics: http://127.0.0.1:1/metrics
    headers: {Authorization: "Bearer ${port}"}
    protected: yes
  app:
    command: [app]
    depends_on: [kafka]
    restart: never
  db:
    process: {port: 5432}
)");
  EXPECT_EQ(stack.name, "demo");
  EXPECT_EQ(stack.home, folder_ / ".stormlog");
  ASSERT_THAT(stack.service_names(), ElementsAre("kafka", "app", "db"));
  const ServiceSpec& kafka = stack.services[0];
  const std::string data = (folder_ / ".stormlog/data/kafka").string();
  EXPECT_THAT(kafka.command,
              ElementsAre("java", data + "/server.properties", (folder_ / ".stormlog").string()));
  EXPECT_THAT(kafka.prepare, ElementsAre(ElementsAre("format", data)));
  EXPECT_EQ(kafka.files.at(0).from, folder_ / "deploy/a");
  EXPECT_EQ(kafka.files.at(0).to, data + "/a");
  EXPECT_EQ(kafka.environment.at("HEAP"), "512m");
  EXPECT_EQ(kafka.environment.at("EMPTY"), "");
  EXPECT_THAT(kafka.headers, ElementsAre(std::pair("Authorization", "Bearer 9092")));
  EXPECT_EQ(kafka.data, data);
  EXPECT_THAT(kafka.ports, ElementsAre(9092, 9093));
  EXPECT_EQ(kafka.health.kind, HealthCheck::Kind::tcp);
  EXPECT_EQ(kafka.health.address, "127.0.0.1:9092");
  EXPECT_EQ(kafka.health.interval, 100ms);
  EXPECT_EQ(kafka.health.timeout, 2s);
  EXPECT_EQ(kafka.health.unhealthy_after, 2);
  EXPECT_EQ(kafka.restart.when, RestartPolicy::When::on_failure);
  EXPECT_EQ(kafka.restart.crash_loop_after, 3);
  EXPECT_EQ(kafka.stop_signal, SIGINT);
  EXPECT_EQ(kafka.stop_timeout, 3s);
  EXPECT_TRUE(kafka.is_protected);
  EXPECT_EQ(stack.services[1].restart.when, RestartPolicy::When::never);
  EXPECT_FALSE(stack.services[2].managed());
  EXPECT_EQ(stack.services[2].process_port, 5432);
}

TEST_F(StackTest, OverridesWinAndHomeComesFromTheEnvironment) {
  ::setenv("STORMLOG_HOME", "/elsewhere", 1);
  const Stack stack = loaded(
      "variables: {a: one, b: \"${a}-two\"}\nservices:\n  x: {command: [\"${b}\", \"${c}\"]}\n", {},
      {{"a", "1"}, {"c", "3"}});
  ::unsetenv("STORMLOG_HOME");
  EXPECT_THAT(stack.services.at(0).command, ElementsAre("1-two", "3"));
  EXPECT_EQ(stack.home, "/elsewhere");
  EXPECT_EQ(stack.variables.at("root"), folder_.string());
}

TEST_F(StackTest, AProfileMergesReplacesAndRemoves) {
  const std::string text = R"(
services:
  kafka: {command: [new], ports: [1, 2], environment: {A: 1, B: 2}}
  extra: {command: [extra]}
profiles:
  old:
    services:
      zookeeper: {command: [zk]}
      kafka: {command: [old], ports: [3], depends_on: [zookeeper], environment: {B: 3}}
      extra: ~
)";
  EXPECT_THAT(loaded(text).service_names(), ElementsAre("kafka", "extra"));
  const Stack stack = loaded(text, {"old"});
  EXPECT_THAT(stack.service_names(), ElementsAre("kafka", "zookeeper"));
  const ServiceSpec& kafka = *stack.service("kafka");
  EXPECT_THAT(kafka.command, ElementsAre("old"));
  EXPECT_THAT(kafka.ports, ElementsAre(3));
  EXPECT_EQ(kafka.environment.at("A"), "1");
  EXPECT_EQ(kafka.environment.at("B"), "3");
  EXPECT_THAT(error_of(text, {"odl"}), HasSubstr("did you mean \"old\""));
}

TEST_F(StackTest, AllMistakesAtOnceWithTheirLines) {
  const std::string text = error_of(R"(servces: {}
services:
  a:
    comand: [x]
  b:
    command: java -jar x
  c:
    command: [x]
    health: {tcp: nowhere}
    ports: [70000]
  d:
    command: [x]
    depends_on: [bb]
    restart: sometimes
  e: {command: [x], process: {port: 1}}
  F: {command: [x]}
  supervisor: {command: [x]}
  g: {command: ["${nope}"]}
  h: {command: [x], health: {http: "https://x/", interval: 5}}
  i: {command: [x], data_version: v}
)");
  const std::string at = (folder_ / "stack.yaml").string() + ":";
  for (const std::string& expected :
       {at + "1: stack file: unknown key \"servces\" (did you mean \"services\"?)",
        at + "4: service \"a\": unknown key \"comand\" (did you mean \"command\"?)",
        at + "6: service \"b\", command must be a list of words",
        at + "9: service \"c\", health: \"nowhere\" must be host:port",
        at + "10: service \"c\", ports: \"70000\" is not a port",
        at + "13: service \"d\" depends on \"bb\", which is no service",
        at + "14: service \"d\", restart: \"policy\": \"sometimes\" is none of its values",
        at + "15: service \"e\" has both command", at + "16: service \"F\" must be lower-case",
        at + "17: service \"supervisor\" is the supervisor's own name",
        at + "18: unknown variable \"${nope}\"", at + "19: service \"h\", health: \"interval\"",
        std::string("must start with http://"),
        at + "20: service \"i\": prepare and data_version need"}) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
}

TEST_F(StackTest, CyclesAreNamed) {
  EXPECT_THAT(error_of("services:\n  a: {command: [x], depends_on: [b]}\n"
                       "  b: {command: [x], depends_on: [c]}\n"
                       "  c: {command: [x], depends_on: [a]}\n"),
              HasSubstr("in a circle: a → b → c → a"));
}

TEST_F(StackTest, TwoServicesCannotShareAPort) {
  EXPECT_THAT(error_of("services:\n  a: {command: [x], ports: [80]}\n"
                       "  b: {command: [x], ports: [80]}\n"),
              HasSubstr("3: service \"b\" has port 80, which \"a\" has too"));
}

TEST_F(StackTest, Links) {
  const std::string services = "services: {a: {command: [x]}, b: {command: [x]}}\nlinks:\n";
  const Stack stack = loaded(services +
                             "  l: {client: a, server: b, listen: \"127.0.0.1:1\", upstream: "
                             "\"127.0.0.1:2\"}\n");
  ASSERT_NE(stack.link("l"), nullptr);
  EXPECT_EQ(stack.link("l")->server, "b");
  const std::string text =
      error_of(services +
               "  l: {client: a, server: bb, listen: \"28081\", upstream: \"127.0.0.1:2\"}\n"
               "  m: {client: a, server: b, upstream: \"h:x\"}\n");
  EXPECT_THAT(text, HasSubstr(":3: link \"l\": server \"bb\" is no service"));
  EXPECT_THAT(text, HasSubstr("listen \"28081\" must be host:port"));
  EXPECT_THAT(text, HasSubstr(":4: link \"m\" needs \"listen\""));
  EXPECT_THAT(text, HasSubstr("upstream \"h:x\" must be host:port"));
}

TEST_F(StackTest, LedgerKeepsWhatIsFilledInLater) {
  const Stack stack = loaded(R"(
variables: {gateway: "http://g"}
services: {}
ledger:
  send:
    url: "${gateway}/logs"
    headers: {content-type: application/json}
    event: '{"id":"${id}","g":"${gateway}"}'
    batch: ndjson
    rejected: {list: /errors}
  sinks:
    - {name: logs, sql: {connection: "host=x", query: "SELECT id WHERE run = '${run}'"}}
    - {name: dlq, role: dlq, redis_stream: {connection: "redis://x", key: "dlq:*", id: id}}
    - {name: t, kafka: {brokers: b, topic: logs, id: /id, key: /key, seq: /seq}}
  drained: [{probe: http, url: "${gateway}/x"}]
  drain_timeout: 5s
)");
  ASSERT_TRUE(stack.ledger.send.has_value());
  EXPECT_EQ(stack.ledger.send->url, "http://g/logs");
  EXPECT_EQ(stack.ledger.send->event, R"({"id":"${id}","g":"http://g"})");
  EXPECT_EQ(stack.ledger.send->batch, SendSpec::Batch::ndjson);
  EXPECT_EQ(stack.ledger.send->rejected_list, "/errors");
  EXPECT_EQ(stack.ledger.send->rejected_index, "index");
  ASSERT_EQ(stack.ledger.sinks.size(), 3U);
  EXPECT_EQ(stack.ledger.sinks[0].query, "SELECT id WHERE run = '${run}'");
  EXPECT_EQ(stack.ledger.sinks[1].role, SinkSpec::Role::dlq);
  EXPECT_EQ(stack.ledger.sinks[1].source, "dlq:*");
  EXPECT_EQ(stack.ledger.sinks[2].connection, "b");
  EXPECT_EQ(stack.ledger.sinks[2].seq_field, "/seq");
  EXPECT_EQ(stack.ledger.drained.items.at(0).find("url")->scalar, "http://g/x");
  EXPECT_EQ(stack.ledger.drain_timeout, 5s);
}

TEST_F(StackTest, LedgerMistakes) {
  const std::string text = error_of(R"(
services: {}
ledger:
  send: {url: "ftp://x", event: "{}"}
  sinks:
    - {name: a}
    - {name: a, sql: {connection: x}}
    - {name: b, kafka: {broker: x, topic: t, id: /id}}
)");
  EXPECT_THAT(text, HasSubstr("must start with http://"));
  EXPECT_THAT(text, HasSubstr("must hold ${id}"));
  EXPECT_THAT(text, HasSubstr(":6: ledger sink \"a\" needs one of sql"));
  EXPECT_THAT(text, HasSubstr("two ledger sinks are named \"a\""));
  EXPECT_THAT(text, HasSubstr("needs \"query\""));
  EXPECT_THAT(text, HasSubstr("unknown key \"broker\" (did you mean \"brokers\"?)"));
}

TEST_F(StackTest, FindsTheFileHereOrAbove) {
  std::ofstream(folder_ / "stack.yaml") << "services: {}\n";
  fs::create_directories(folder_ / "a/b");
  const fs::path before = fs::current_path();
  fs::current_path(folder_ / "a/b");
  const auto found = find_stack_file();
  fs::current_path(before);
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(fs::equivalent(*found, folder_ / "stack.yaml"));
}

TEST_F(StackTest, AnEnvironmentThatNamesNoFileIsAnError) {
  ::setenv("STORMLOG_STACK", "/nonexistent/stack.yaml", 1);
  const auto found = find_stack_file();
  ::unsetenv("STORMLOG_STACK");
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message, HasSubstr("/nonexistent/stack.yaml"));
}

}  // namespace
}  // namespace stormlog::chaos
