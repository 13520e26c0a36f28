// The ledger is its own witness: what is taken from or added to a real store behind the pipeline's
// back must come out of the reconciliation with its id.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "chaos/ledger/ledger.hpp"
#include "common/postgres/connection.hpp"
#include "common/redis/connection.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_server.hpp"

namespace stormlog::chaos {
namespace {

using ::testing::HasSubstr;

constexpr const char* kRun = "run-1";
constexpr std::uint32_t kEvents = 3000;  // more than a page of each sink

Uuid id_of(std::uint32_t number) {
  Uuid id;
  id.bytes[0] = 0x01;
  for (std::size_t i = 0; i < 4; ++i) {
    id.bytes[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  }
  return id;
}

// 3,000 acked events of ten keys.
Ledger sample_ledger() {
  Ledger ledger;
  ledger.header = {kRun, 1, SystemClock::instance().wall_now(), "http://x/"};
  for (std::uint32_t i = 0; i < kEvents; ++i) {
    ledger.entries.push_back({{id_of(i), i % 10, i / 10 + 1}, Nanoseconds{i}, Outcome::acked});
  }
  return ledger;
}

Reconciliation reconcile_with(const SinkSpec& spec) {
  std::vector<std::unique_ptr<Sink>> sinks;
  Result<std::unique_ptr<Sink>> sink = make_sink(spec);
  EXPECT_TRUE(sink.ok());
  sinks.push_back(std::move(*sink));
  return reconcile(sample_ledger(), sinks, {}, true, "");
}

void expect_all_delivered(const Reconciliation& result) {
  EXPECT_TRUE(result.complete) << result.why_incomplete;
  EXPECT_EQ(result.delivered, kEvents);
  EXPECT_EQ(result.lost + result.duplicated + result.reordered + result.unknown_in_sink, 0U);
}

class SqlSinkTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<test::PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    sql("DROP TABLE IF EXISTS logs");
    sql("CREATE TABLE logs (n bigserial, id uuid, run text, key text, seq bigint)");
    sql("INSERT INTO logs (id, run, key, seq) SELECT ('01000000-0000-0000-0000-0000' || "
        "lpad(to_hex(i), 8, '0'))::uuid, 'run-1', 'k' || i % 10, i / 10 + 1 "
        "FROM generate_series(0, 2999) i");
    sql("INSERT INTO logs (id, run, key, seq) VALUES (gen_random_uuid(), 'run-2', 'k1', 1)");
    spec_.name = "logs";
    spec_.kind = SinkSpec::Kind::sql;
    spec_.connection = server_->conninfo();
    spec_.query = "SELECT id::text, key, seq FROM logs WHERE run = '${run}' ORDER BY n";
  }

  static void sql(const std::string& statement) {
    postgres::ConnectOptions options;
    options.conninfo = server_->conninfo();
    Result<postgres::Connection> connection = postgres::Connection::connect(options);
    ASSERT_TRUE(connection.ok()) << connection.error().message;
    const Result<void> done = connection->script(statement);
    ASSERT_TRUE(done.ok()) << done.error().message;
  }

  static std::unique_ptr<test::PostgresServer> server_;
  SinkSpec spec_;
};
std::unique_ptr<test::PostgresServer> SqlSinkTest::server_;

TEST_F(SqlSinkTest, AllDeliveredAndInOrder) {
  const Reconciliation result = reconcile_with(spec_);
  expect_all_delivered(result);
  EXPECT_TRUE(result.order_known);
}

TEST_F(SqlSinkTest, ADeletedRowIsLostAndNamed) {
  sql("DELETE FROM logs WHERE id = '01000000-0000-0000-0000-000000000007'");
  const Reconciliation result = reconcile_with(spec_);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.lost, 1U);
  ASSERT_EQ(result.lost_events.size(), 1U);
  EXPECT_EQ(result.lost_events[0].id, "01000000-0000-0000-0000-000000000007");
  EXPECT_EQ(result.lost_events[0].where, "logs");
}

TEST_F(SqlSinkTest, ADoubledRowIsDuplicatedAndNamed) {
  sql("INSERT INTO logs (id, run, key, seq) SELECT id, run, key, seq FROM logs "
      "WHERE id = '01000000-0000-0000-0000-000000000009'");
  const Reconciliation result = reconcile_with(spec_);
  EXPECT_EQ(result.duplicated, 1U);
  EXPECT_EQ(result.lost, 0U);
  ASSERT_EQ(result.duplicated_events.size(), 1U);
  EXPECT_EQ(result.duplicated_events[0].id, "01000000-0000-0000-0000-000000000009");
}

TEST_F(SqlSinkTest, ARowThatNobodySentIsUnknown) {
  sql("INSERT INTO logs (id, run, key, seq) VALUES (gen_random_uuid(), 'run-1', 'k1', 1)");
  EXPECT_EQ(reconcile_with(spec_).unknown_in_sink, 1U);
}

TEST_F(SqlSinkTest, ARowStoredLateIsReordered) {
  sql("UPDATE logs SET n = 100000 WHERE id = '01000000-0000-0000-0000-000000000000'");
  const Reconciliation result = reconcile_with(spec_);
  EXPECT_EQ(result.reordered, 1U);
  EXPECT_EQ(result.lost, 0U);
}

TEST_F(SqlSinkTest, WhatCannotBeReadIsUnknown) {
  spec_.query = "SELECT id::text FROM no_such_table WHERE run = '${run}'";
  Reconciliation result = reconcile_with(spec_);
  EXPECT_FALSE(result.complete);
  EXPECT_THAT(result.why_incomplete, HasSubstr("no_such_table"));

  // Fails after the first rows went out: what was read until then is worth nothing.
  spec_.query = "SELECT id::text, key, 1 / (n - 2000) FROM logs ORDER BY n";
  result = reconcile_with(spec_);
  EXPECT_FALSE(result.complete);
  EXPECT_THAT(result.why_incomplete, HasSubstr("division by zero"));
  EXPECT_EQ(result.lost + result.delivered, 0U);

  spec_.query = "SELECT id, key, seq, run FROM logs";
  EXPECT_THAT(reconcile_with(spec_).why_incomplete, HasSubstr("selects 4 columns"));
}

TEST_F(SqlSinkTest, NeverWrites) {
  spec_.query = "DELETE FROM logs RETURNING id::text";
  const Reconciliation result = reconcile_with(spec_);
  EXPECT_FALSE(result.complete);
  EXPECT_THAT(result.why_incomplete, HasSubstr("read-only"));
  spec_.query = "SELECT id::text FROM logs WHERE run = '${run}'";
  EXPECT_EQ(reconcile_with(spec_).delivered, kEvents);
}

class RedisSinkTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<test::RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    command({"FLUSHALL"});
    spec_.name = "sink";
    spec_.connection = server_->url();
  }
  static void command(const redis::Command& words) { commands({words}); }
  static void commands(const std::vector<redis::Command>& list) {
    Result<redis::Connection> redis =
        redis::Connection::connect(*redis::Url::parse(server_->url()));
    ASSERT_TRUE(redis.ok()) << redis.error().message;
    const Result<std::vector<redis::Reply>> replies = redis->pipeline(list);
    ASSERT_TRUE(replies.ok()) << replies.error().message;
    for (const redis::Reply& reply : *replies) {
      ASSERT_NE(reply.type, redis::Reply::Type::error) << reply.text;
    }
  }

  static std::string json_of(std::uint32_t i) {
    return R"({"id":")" + id_of(i).to_string() + R"(","attributes":{"key":"k)" +
           std::to_string(i % 10) + R"(","seq":)" + std::to_string(i / 10 + 1) + "}}";
  }

  static std::unique_ptr<test::RedisServer> server_;
  SinkSpec spec_;
};
std::unique_ptr<test::RedisServer> RedisSinkTest::server_;

TEST_F(RedisSinkTest, StreamsArePagedAndRepeatsAreDuplicates) {
  spec_.kind = SinkSpec::Kind::redis_stream;
  spec_.source = "dlq:*";
  spec_.id_field = "id";
  spec_.key_field = "key";
  spec_.seq_field = "seq";
  std::vector<redis::Command> list;
  for (std::uint32_t i = 0; i < kEvents; ++i) {
    list.push_back({"XADD", "dlq:" + std::to_string(i % 2), "*", "why", "x", "id",
                    id_of(i).to_string(), "key", "k" + std::to_string(i % 10), "seq",
                    std::to_string(i / 10 + 1)});
  }
  commands(list);
  command({"XADD", "dlq:0", "*", "other", "entry"});
  command({"XADD", "unrelated", "*", "id", id_of(1).to_string()});
  Reconciliation result = reconcile_with(spec_);
  expect_all_delivered(result);
  EXPECT_TRUE(result.order_known);

  command({"XADD", "dlq:0", "*", "id", id_of(5).to_string()});
  result = reconcile_with(spec_);
  EXPECT_EQ(result.duplicated, 1U);
  EXPECT_EQ(result.duplicated_events.at(0).id, id_of(5).to_string());
}

TEST_F(RedisSinkTest, StreamFieldsMayHoldJson) {
  spec_.kind = SinkSpec::Kind::redis_stream;
  spec_.source = "spill";
  spec_.id_field = "/id";
  spec_.key_field = "/attributes/key";
  spec_.seq_field = "/attributes/seq";
  std::vector<redis::Command> list;
  for (std::uint32_t i = 0; i < kEvents; ++i) {
    list.push_back({"XADD", "spill", "*", "reason", "down", "event", json_of(i)});
  }
  commands(list);
  const Reconciliation result = reconcile_with(spec_);
  expect_all_delivered(result);
  EXPECT_TRUE(result.order_known);
}

TEST_F(RedisSinkTest, KeysHoldEventsWithoutOrder) {
  spec_.kind = SinkSpec::Kind::redis_keys;
  spec_.source = "log:*";
  spec_.id_field = "/id";
  spec_.key_field = "/attributes/key";
  spec_.seq_field = "/attributes/seq";
  std::vector<redis::Command> list;
  for (std::uint32_t i = 0; i < kEvents; ++i) {
    list.push_back({"SET", "log:" + id_of(i).to_string(), json_of(i)});
  }
  commands(list);
  command({"SET", "log:broken", "no json"});
  command({"HSET", "log:hash", "id", "x"});
  Reconciliation result = reconcile_with(spec_);
  expect_all_delivered(result);
  EXPECT_FALSE(result.order_known);

  command({"DEL", "log:" + id_of(11).to_string()});
  result = reconcile_with(spec_);
  EXPECT_EQ(result.lost, 1U);
  EXPECT_EQ(result.lost_events.at(0).id, id_of(11).to_string());
}

TEST_F(RedisSinkTest, AnswersWithAnErrorAreUnknown) {
  spec_.kind = SinkSpec::Kind::redis_stream;
  spec_.source = "text";
  spec_.id_field = "id";
  command({"SET", "text", "no stream"});
  const Reconciliation result = reconcile_with(spec_);
  EXPECT_FALSE(result.complete);
  EXPECT_THAT(result.why_incomplete, HasSubstr("sink sink: text: "));
  EXPECT_THAT(result.why_incomplete, HasSubstr("WRONGTYPE"));
}

TEST_F(RedisSinkTest, ADeadServerIsUnknown) {
  spec_.kind = SinkSpec::Kind::redis_keys;
  spec_.source = "log:*";
  spec_.id_field = "/id";
  server_->kill9();
  const Reconciliation result = reconcile_with(spec_);
  server_->start();
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.lost, 0U);
  EXPECT_THAT(result.why_incomplete, HasSubstr("refused"));
}

}  // namespace
}  // namespace stormlog::chaos
