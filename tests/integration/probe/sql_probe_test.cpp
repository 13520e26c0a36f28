// The sql probe against a real PostgreSQL: what it reads, that it changes nothing, and that an
// outage is no data and not the end of the probe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "chaos/probe/probe.hpp"
#include "common/postgres/connection.hpp"
#include "support/postgres_server.hpp"

namespace stormlog::chaos {
namespace {

using testing::HasSubstr;

class SqlProbeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<test::PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  std::unique_ptr<Probe> probe(const std::string& query, const std::string& timeout = "5s") {
    const ProbeKind* kind = find_probe_kind("sql");
    const auto params = document::parse_params(
        {"connection=" + server_->conninfo(), "query=" + query, "timeout=" + timeout}, kind->params,
        "probe \"sql\"");
    if (!params.ok()) throw std::invalid_argument(params.error().message);
    auto made = kind->make(stack_, *params);
    if (!made.ok()) throw std::invalid_argument(made.error().message);
    return std::move(*made);
  }

  std::string ask(const std::string& query) {
    const ProbeResult result = probe(query)->measure();
    return result.has_data ? result.value.dump() : "no data: " + result.no_data;
  }

  Stack stack_;
  static std::unique_ptr<test::PostgresServer> server_;
};

std::unique_ptr<test::PostgresServer> SqlProbeTest::server_;

TEST_F(SqlProbeTest, GivesTheFirstValueAndTheNumberOfRows) {
  EXPECT_EQ(ask("SELECT 42"), R"({"value":42.0,"rows":1})");
  EXPECT_EQ(ask("SELECT 2.5, 'x' UNION ALL SELECT 3.5, 'y'"), R"({"value":2.5,"rows":2})");
  EXPECT_EQ(ask("SELECT 'up'"), R"({"value":"up","rows":1})");
  EXPECT_EQ(ask("SELECT 'NaN'::float8"), R"({"value":"NaN","rows":1})");
  EXPECT_EQ(ask("SELECT 1 = 1"), R"({"value":true,"rows":1})");
}

TEST_F(SqlProbeTest, NoValueIsNoData) {
  EXPECT_EQ(ask("SELECT NULL"), "no data: the query gives no value");
  EXPECT_EQ(ask("SELECT 1 WHERE false"), "no data: the query gives no value");
}

TEST_F(SqlProbeTest, AQueryErrorIsNoDataAndTheNextQueryWorks) {
  const auto broken = probe("SELECT nothing FROM nowhere");
  EXPECT_THAT(broken->measure().no_data, HasSubstr("nowhere"));
  EXPECT_THAT(broken->measure().no_data, HasSubstr("nowhere"));  // not "transaction is aborted"
}

TEST_F(SqlProbeTest, ChangesNothingWhateverItsQuerySays) {
  auto connection = postgres::Connection::connect({.conninfo = server_->conninfo()});
  ASSERT_TRUE(connection.ok()) << connection.error().message;
  ASSERT_TRUE(connection->query("CREATE TABLE kept (n int)").ok());
  ASSERT_TRUE(connection->query("INSERT INTO kept VALUES (1)").ok());
  EXPECT_THAT(ask("DELETE FROM kept RETURNING n"), HasSubstr("read-only"));
  EXPECT_THAT(ask("DROP TABLE kept"), HasSubstr("read-only"));
  EXPECT_EQ(ask("SELECT count(*) FROM kept"), R"({"value":1.0,"rows":1})");
}

TEST_F(SqlProbeTest, ASlowQueryIsNoData) {
  const ProbeResult result = probe("SELECT pg_sleep(60)", "200ms")->measure();
  EXPECT_FALSE(result.has_data);
  EXPECT_FALSE(result.no_data.empty());
}

TEST_F(SqlProbeTest, OutlivesTheServer) {
  const auto kept = probe("SELECT 1");
  ASSERT_TRUE(kept->measure().has_data);
  server_->kill9();
  EXPECT_FALSE(kept->measure().has_data);
  server_->start();
  const ProbeResult again = kept->measure();
  EXPECT_TRUE(again.has_data) << again.no_data;
}

TEST_F(SqlProbeTest, ARestartBetweenTwoLooksIsNotSeen) {
  const auto kept = probe("SELECT 1");
  ASSERT_TRUE(kept->measure().has_data);
  server_->stop();
  server_->start();
  const ProbeResult again = kept->measure();
  EXPECT_TRUE(again.has_data) << again.no_data;
}

}  // namespace
}  // namespace stormlog::chaos
