// PostgreSQL and Redis connections against real servers, and what they say when those go away.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/postgres/connection.hpp"
#include "common/redis/connection.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_server.hpp"

namespace stormlog {
namespace {

using namespace std::chrono_literals;
using postgres::Failure;
using postgres::failure_of;

class Postgres : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<test::PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  static postgres::ConnectOptions options() {
    postgres::ConnectOptions options;
    options.conninfo = server_->conninfo();
    return options;
  }
  static postgres::Connection connect() {
    Result<postgres::Connection> made = postgres::Connection::connect(options());
    EXPECT_TRUE(made.ok()) << made.error().message;
    return std::move(*made);
  }

  static std::unique_ptr<test::PostgresServer> server_;
};
std::unique_ptr<test::PostgresServer> Postgres::server_;

TEST_F(Postgres, AnswersTextNumbersAndNull) {
  postgres::Connection db = connect();
  const Result<postgres::Rows> rows =
      db.query("SELECT $1::text AS a, $2::bigint + 1, NULL", {"x'y", 41});
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  ASSERT_EQ(rows->size(), 1);
  EXPECT_EQ(rows->column_name(0), "a");
  EXPECT_EQ(rows->text(0, 0), "x'y");
  EXPECT_EQ(rows->integer(0, 1), 42);
  EXPECT_TRUE(rows->null(0, 2));
}

TEST_F(Postgres, TakesEveryKindOfBinaryArray) {
  postgres::Connection db = connect();
  const std::uint8_t id[16] = {0x01, 0x8f};
  postgres::BinaryArray uuids(postgres::Element::uuid);
  uuids.add_uuid(id);
  postgres::BinaryArray times(postgres::Element::timestamptz);
  times.add_timestamp(1'700'000'000'123'456);
  postgres::BinaryArray jsons(postgres::Element::jsonb);
  jsons.add_jsonb(R"({"a": [1, "ü"]})");
  postgres::BinaryArray texts(postgres::Element::text);
  texts.add_null();
  postgres::BinaryArray shorts(postgres::Element::int2);
  shorts.add_int(-5);
  postgres::BinaryArray longs(postgres::Element::int8);
  longs.add_int(-7'000'000'000);
  postgres::BinaryArray truths(postgres::Element::boolean);
  truths.add_bool(true);
  postgres::BinaryArray bytes(postgres::Element::bytea);
  bytes.add_text(std::string_view("\0\xff", 2));
  const Result<postgres::Rows> rows = db.query(
      "SELECT a, b AT TIME ZONE 'UTC', c->'a'->>1, d IS NULL, e, f, g, encode(h, 'hex') "
      "FROM UNNEST($1::uuid[], $2::timestamptz[], $3::jsonb[], $4::text[], $5::smallint[], "
      "$6::bigint[], $7::boolean[], $8::bytea[]) AS t(a, b, c, d, e, f, g, h)",
      {uuids.take(), times.take(), jsons.take(), texts.take(), shorts.take(), longs.take(),
       truths.take(), bytes.take()});
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  ASSERT_EQ(rows->size(), 1);
  EXPECT_EQ(rows->text(0, 0), "018f0000-0000-0000-0000-000000000000");
  EXPECT_EQ(rows->text(0, 1), "2023-11-14 22:13:20.123456");
  EXPECT_EQ(rows->text(0, 2), "ü");
  EXPECT_EQ(rows->text(0, 3), "t");
  EXPECT_EQ(rows->integer(0, 4), -5);
  EXPECT_EQ(rows->integer(0, 5), -7'000'000'000);
  EXPECT_EQ(rows->text(0, 6), "t");
  EXPECT_EQ(rows->text(0, 7), "00ff");
}

TEST_F(Postgres, TellsDataErrorsFromMistakesAndStaysUsable) {
  postgres::Connection db = connect();
  const auto failure = [&](const std::string& sql, const postgres::Params& params = {}) {
    const Result<postgres::Rows> rows = db.query(sql, params);
    EXPECT_FALSE(rows.ok()) << sql;
    return rows.ok() ? "ok"
                     : rows.error().code + " " + std::string(to_string(failure_of(rows.error())));
  };
  EXPECT_EQ(failure("SELECT $1::jsonb", {R"({"a":"\u0000"})"}), "22P05 data");
  EXPECT_EQ(failure("SELECT $1::text", {std::string("a\0b", 3)}), "22021 data");
  EXPECT_EQ(failure("SELECT $1::int", {"x"}), "22P02 data");
  EXPECT_EQ(failure("SELECT * FROM nowhere"), "42P01 refused");
  EXPECT_EQ(failure("COPY pg_class TO STDOUT").substr(0, 5), "0A000");
  EXPECT_FALSE(db.usable());  // COPY left the protocol in the middle
  db = connect();
  EXPECT_EQ(failure("SELEC 1"), "42601 refused");
  EXPECT_TRUE(db.usable());
}

TEST_F(Postgres, ATransactionIsAllOrNothing) {
  postgres::Connection db = connect();
  ASSERT_TRUE(db.script("DROP TABLE IF EXISTS t; CREATE TABLE t (a int PRIMARY KEY)").ok());
  {
    Result<postgres::Transaction> begun = postgres::Transaction::begin(db);
    ASSERT_TRUE(begun.ok());
    ASSERT_TRUE(db.query("INSERT INTO t VALUES (1)").ok());
  }
  EXPECT_EQ(db.query("SELECT count(*) FROM t")->integer(0, 0), 0);
  {
    Result<postgres::Transaction> begun = postgres::Transaction::begin(db);
    const Result<postgres::Rows> inserted = db.query("INSERT INTO t VALUES (1), (2)");
    ASSERT_TRUE(inserted.ok());
    EXPECT_EQ(inserted->affected(), 2);
    EXPECT_TRUE(begun->commit().ok());
  }
  EXPECT_EQ(db.query("SELECT count(*) FROM t")->integer(0, 0), 2);
  {
    Result<postgres::Transaction> begun = postgres::Transaction::begin(db);
    EXPECT_FALSE(db.query("INSERT INTO t VALUES (2)").ok());
    const Result<void> done = begun->commit();
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, "25P02");
  }
}

TEST_F(Postgres, StreamsRowsAndStopsWhenAsked) {
  postgres::Connection db = connect();
  std::int64_t sum = 0;
  ASSERT_TRUE(db.stream("SELECT g FROM generate_series(1, $1::int) g", {10'000},
                        [&](const postgres::Rows& row) {
                          sum += row.integer(0, 0);
                          return true;
                        })
                  .ok());
  EXPECT_EQ(sum, 50'005'000);
  int seen = 0;
  ASSERT_TRUE(db.stream("SELECT generate_series(1, 100000000)", {}, [&](const postgres::Rows&) {
                  return ++seen < 3;
                }).ok());
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(db.query("SELECT 7")->integer(0, 0), 7);
}

TEST_F(Postgres, CopiesRowsInAndStaysUsableAfterOnesThatAreRefused) {
  using postgres::Element;
  postgres::Connection db = connect();
  ASSERT_TRUE(db.script("CREATE TEMP TABLE copied (n integer PRIMARY KEY, t text, j jsonb)").ok());
  const auto rows = [](int from, int to, const std::string& text = "x") {
    postgres::CopyRows made({Element::int4, Element::text, Element::jsonb});
    for (int n = from; n < to; ++n) {
      made.begin_row();
      made.add_int(n);
      made.add_text(text);
      made.add_jsonb("{}");
    }
    return made.take();
  };
  const std::string sql = "COPY copied FROM STDIN (FORMAT binary)";
  // More than any buffer on the way.
  const Result<postgres::Rows> many = db.copy_in(sql, rows(0, 20'000, std::string(200, 'x')));
  ASSERT_TRUE(many.ok()) << many.error().message;
  EXPECT_EQ(many->affected(), 20'000);
  EXPECT_EQ(db.copy_in(sql, rows(19'999, 20'001)).error().code, "23505");
  // The server says so early and is sent the rest all the same.
  EXPECT_EQ(db.copy_in(sql, rows(0, 20'000, std::string(200, 'x'))).error().code, "23505");
  EXPECT_EQ(db.copy_in(sql, rows(30'000, 30'001, std::string("a\0b", 3))).error().code, "22021");
  EXPECT_EQ(db.copy_in("COPY nowhere FROM STDIN (FORMAT binary)", rows(0, 1)).error().code,
            "42P01");
  EXPECT_EQ(db.copy_in("SELECT 1", rows(0, 1)).error().code, "42601");
  EXPECT_EQ(failure_of(db.copy_in(sql, "no rows").error()), Failure::data);
  EXPECT_EQ(db.query("SELECT count(*) FROM copied")->integer(0, 0), 20'000);
}

TEST_F(Postgres, PreparedStatementsTakeTheirValues) {
  postgres::Connection db = connect();
  ASSERT_TRUE(db.prepare("add", "SELECT $1::int + $2::int").ok());
  EXPECT_EQ(db.query_prepared("add", {1, 2})->integer(0, 0), 3);
  EXPECT_EQ(db.query_prepared("none", {}).error().code, "26000");
}

TEST_F(Postgres, AMissingDatabaseAndABadConninfoArePermanent) {
  postgres::ConnectOptions wrong = options();
  wrong.conninfo += " dbname=nowhere";
  EXPECT_EQ(postgres::Connection::connect(wrong).error().kind, ErrorKind::permanent);
  wrong.conninfo = "hots=x";
  const Error error = postgres::Connection::connect(wrong).error();
  EXPECT_EQ(error.kind, ErrorKind::permanent);
  EXPECT_THAT(error.message, testing::HasSubstr("hots"));
}

TEST_F(Postgres, AStoppedServerRunsIntoTheClientsLimit) {
  postgres::ConnectOptions quick = options();
  quick.answer_timeout = 300ms;
  Result<postgres::Connection> db = postgres::Connection::connect(quick);
  ASSERT_TRUE(db.ok());
  server_->pause();
  const Result<postgres::Rows> rows = db->query("SELECT 1");
  quick.connect_timeout = 300ms;
  const Result<postgres::Connection> second = postgres::Connection::connect(quick);
  server_->resume();
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code, postgres::kNoAnswer);
  EXPECT_FALSE(db->usable());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, postgres::kCannotConnect);
}

TEST_F(Postgres, TheServersLimitCancelsAStatement) {
  postgres::ConnectOptions limited = options();
  limited.statement_timeout = 50ms;
  Result<postgres::Connection> db = postgres::Connection::connect(limited);
  ASSERT_TRUE(db.ok());
  const Result<postgres::Rows> rows = db->query("SELECT pg_sleep(60)");
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code, "57014");
  EXPECT_TRUE(db->usable());
}

TEST_F(Postgres, AnIdleConnectionThatTheServerEndedIsNotOpen) {
  postgres::Connection db = connect();
  EXPECT_TRUE(db.still_open());
  const std::int64_t pid = db.query("SELECT pg_backend_pid()")->integer(0, 0);
  EXPECT_TRUE(db.still_open());
  postgres::Connection other = connect();
  ASSERT_TRUE(other.query("SELECT pg_terminate_backend($1::integer, 60000)", {pid}).ok());
  while (db.still_open()) std::this_thread::sleep_for(1ms);  // its end is on the way
  EXPECT_FALSE(db.usable());
  EXPECT_TRUE(other.still_open());
}

TEST_F(Postgres, AKilledServerIsAnOutageAndComesBack) {
  postgres::Connection db = connect();
  server_->kill9();
  const Result<postgres::Rows> rows = db.query("SELECT 1");
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(failure_of(rows.error()), Failure::outage) << rows.error().code;
  EXPECT_FALSE(db.usable());
  EXPECT_EQ(failure_of(postgres::Connection::connect(options()).error()), Failure::outage);
  server_->start();
  EXPECT_EQ(connect().query("SELECT 1")->integer(0, 0), 1);
}

TEST(Redis, AnswersCommandsAndPipelines) {
  test::RedisServer server({"--requirepass", "s3cret"});
  redis::Url url = *redis::Url::parse(server.url());
  redis::Client refused(url);
  EXPECT_EQ(refused.command({"GET", "k"}).error().code, "NOAUTH");
  url.password = "s3cret";
  url.database = 2;
  redis::Client client(url);
  const std::string binary("a\0b", 3);
  ASSERT_TRUE(client.command({"SET", "k", binary}).ok());
  EXPECT_EQ(client.command({"GET", "k"})->text, binary);
  EXPECT_TRUE(client.command({"GET", "none"})->nil());
  const Result<std::vector<redis::Reply>> replies =
      client.pipeline({{"INCR", "n"}, {"LPUSH", "k", "x"}, {"INCR", "n"}, {"HGETALL", "none"}});
  ASSERT_TRUE(replies.ok());
  EXPECT_EQ((*replies)[0].integer, 1);
  EXPECT_EQ((*replies)[1].as_error().code, "WRONGTYPE");
  EXPECT_EQ((*replies)[2].integer, 2);
  EXPECT_EQ((*replies)[3].type, redis::Reply::Type::array);
}

TEST(Redis, IsReachedAgainAfterItWasKilledOrStopped) {
  test::RedisServer server;
  redis::ConnectOptions quick;
  quick.command_timeout = 200ms;
  quick.connect_timeout = 200ms;
  redis::Client client(*redis::Url::parse(server.url()), quick);
  ASSERT_TRUE(client.command({"SET", "k", "v"}).ok());
  server.kill9();
  EXPECT_EQ(client.command({"GET", "k"}).error().code, redis::kConnectionCode);
  EXPECT_EQ(client.command({"GET", "k"}).error().code, redis::kConnectionCode);
  server.start();
  EXPECT_EQ(client.command({"GET", "k"})->text, "v");
  server.pause();
  EXPECT_EQ(client.command({"GET", "k"}).error().code, redis::kConnectionCode);
  server.resume();
  // The answer that came too late belongs to the old connection: it must not answer this one.
  EXPECT_EQ(client.command({"ECHO", "new"})->text, "new");
}

}  // namespace
}  // namespace stormlog
