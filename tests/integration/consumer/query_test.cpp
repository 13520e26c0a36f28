// The filters of the query API on a real PostgreSQL: SQL and the C++ that filters what the cache
// has decide alike, pages are stable while rows arrive, and a slow query is cut.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "common/base/random.hpp"
#include "common/postgres/connection.hpp"
#include "pipeline/consumer/id_time.hpp"
#include "pipeline/consumer/log_json.hpp"
#include "pipeline/consumer/migrations.hpp"
#include "pipeline/consumer/query.hpp"
#include "pipeline/consumer/row_columns.hpp"
#include "pipeline/consumer/tail_reader.hpp"
#include "support/postgres_server.hpp"

namespace stormlog::pipeline {
namespace {

using namespace std::chrono_literals;

class Queries : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<test::PostgresServer>();
    postgres::Connection db = connect();
    ASSERT_TRUE(migrate(db, migrations()).ok());
  }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { ASSERT_TRUE(db_.script("DELETE FROM logs").ok()); }

  static postgres::Connection connect() {
    postgres::ConnectOptions options;
    options.conninfo = server_->conninfo();
    return std::move(*postgres::Connection::connect(options));
  }
  void insert(const std::vector<EventRecord>& events) {
    RowColumns columns;
    for (const EventRecord& event : events) {
      LogRow row;
      row.event = event;
      row.partition = 1;
      row.offset = offset_++;
      columns.add(row, id_time(row.event.id, WallTime{}));
    }
    const Result<postgres::Rows> done = db_.query(RowColumns::insert_sql(), columns.take());
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
  EventRecord event(std::int64_t ts_ns) {
    EventRecord event;
    event.timestamp_ns = event.observed_timestamp_ns = ts_ns;
    for (std::uint8_t& byte : event.id.bytes) byte = static_cast<std::uint8_t>(random_.below(256));
    event.attributes = event.resource = event.scope = "{}";
    return event;
  }
  std::vector<Uuid> ask(const LogQuery& query) {
    const Statement statement = list_statement(query);
    const Result<postgres::Rows> rows = db_.query(statement.sql, statement.params);
    EXPECT_TRUE(rows.ok()) << statement.sql << ": " << (rows.ok() ? "" : rows.error().message);
    std::vector<Uuid> ids;
    for (int i = 0; rows.ok() && i < rows->size(); ++i) ids.push_back(read_row(*rows, i).event.id);
    return ids;
  }

  static std::unique_ptr<test::PostgresServer> server_;
  postgres::Connection db_ = connect();
  Random random_{20260131};
  std::int64_t offset_ = 0;
};
std::unique_ptr<test::PostgresServer> Queries::server_;

TEST_F(Queries, SqlAndTheFilterOfCachedEventsDecideAlike) {
  const std::vector<std::string> bodies = {
      "disk FULL", "Disk full at 91%", "ärger", "ÄRGER", "back\\slash", "a_b", "", "\"quoted\""};
  const std::vector<std::string> attributes = {R"({})",
                                               R"({"k":"v"})",
                                               R"({"k":5})",
                                               R"({"k":"5"})",
                                               R"({"k":5.00})",
                                               R"({"k":50e-1})",
                                               R"({"k":true})",
                                               R"({"k":"true"})",
                                               R"({"k":null})",
                                               R"({"k":["v",5]})",
                                               R"({"k":{"k":"v"}})",
                                               R"({"other":1,"k":12345678901234567890123})",
                                               R"({"k.with.dots":"ü\n\"x"})"};
  const std::vector<std::string> traces = {"", "4bf92f3577b34da6a3ce929d0e0e4736"};
  std::vector<EventRecord> events;
  for (std::size_t i = 0; i < 400; ++i) {
    EventRecord one = event(static_cast<std::int64_t>(i));
    one.service = i % 3 == 0 ? "pay" : "shop";
    one.severity_number = static_cast<int>(i % 25);
    one.trace_id = traces[i % 2];
    one.body = bodies[i % bodies.size()];
    if (i % 7 == 0) {
      one.body = R"({"Nested":["disk full"]})";
      one.body_is_json = true;
    }
    one.attributes = attributes[i % attributes.size()];
    events.push_back(one);
  }
  insert(events);

  std::vector<std::vector<std::pair<std::string, std::string>>> filters = {
      {},
      {{"service", "pay"}},
      {{"service", ""}},
      {{"severity", "13"}},
      {{"severity", "ERROR"}, {"service", "shop"}},
      {{"trace_id", traces[1]}},
      {{"span_id", "00f067aa0ba902b7"}},
      {{"attr.k", "v"}, {"service", "shop"}},
      {{"attr.k.with.dots", "ü\n\"x"}},
      {{"attr.k", "12345678901234567890123.0"}}};
  for (const char* text : {"disk full", "ÄRGER", "%", "_", "\\", "\"", "[\"disk", "nested"}) {
    filters.push_back({{"text", text}});
  }
  for (const char* value :
       {"5", "\"5\"", "5.0", "0.5e1", "6", "true", "\"true\"", "false", "null", "", "v", "V"}) {
    filters.push_back({{"attr.k", value}});
  }
  std::size_t found = 0;
  for (const auto& params : filters) {
    Result<LogQuery> query = LogQuery::parse(params);
    ASSERT_TRUE(query.ok()) << query.error().message;
    query->limit = LogQuery::kMaxLimit;
    std::vector<Uuid> expected;
    for (auto one = events.rbegin(); one != events.rend(); ++one) {
      if (query->filter.matches(to_json(*one, 1, 0))) expected.push_back(one->id);
    }
    found += expected.size();
    EXPECT_EQ(ask(*query), expected)
        << (params.empty() ? "all" : params[0].first + "=" + params[0].second);
  }
  EXPECT_GT(found, 1'000u);  // the comparison was not of nothing with nothing
}

TEST_F(Queries, PagesStayAsTheyWereWhileRowsArrive) {
  std::vector<EventRecord> events;
  for (int i = 0; i < 200; ++i) events.push_back(event(i / 10));  // many of one time
  insert(events);
  std::set<Uuid> before;
  for (const EventRecord& one : events) before.insert(one.id);

  LogQuery query;
  query.limit = 7;
  std::vector<Uuid> seen;
  for (;;) {
    const Statement statement = list_statement(query);
    const Result<postgres::Rows> rows = db_.query(statement.sql, statement.params);
    ASSERT_TRUE(rows.ok());
    for (int i = 0; i < std::min(rows->size(), query.limit); ++i) {
      const EventRecord row = read_row(*rows, i).event;
      query.after = Cursor{row.timestamp_ns, row.id};
      if (before.contains(row.id)) seen.push_back(row.id);
    }
    if (rows->size() <= query.limit) break;
    insert({event(static_cast<std::int64_t>(random_.below(25)))});  // also between those to come
  }
  EXPECT_EQ(seen.size(), before.size());
  EXPECT_EQ(std::set<Uuid>(seen.begin(), seen.end()), before);
}

TEST_F(Queries, ATraceIsFoundByItsIndex) {
  LogQuery query;
  query.filter.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  Statement statement = list_statement(query);
  ASSERT_TRUE(db_.script("SET enable_seqscan = off").ok());
  const Result<postgres::Rows> plan = db_.query("EXPLAIN " + statement.sql, statement.params);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  std::string text;
  for (int i = 0; i < plan->size(); ++i) text += std::string(plan->text(i, 0)) + "\n";
  EXPECT_THAT(text, testing::HasSubstr("trace_id"));
  EXPECT_THAT(text, testing::HasSubstr("Index Cond: (trace_id"));
}

TEST_F(Queries, TheIndexesOfTheDocumentationServeTheQueries) {
  ASSERT_TRUE(
      db_.script("CREATE EXTENSION IF NOT EXISTS pg_trgm;"
                 "CREATE INDEX logs_body ON logs USING gin (body COLLATE \"C\" gin_trgm_ops);"
                 "CREATE INDEX logs_attributes ON logs USING gin (attributes jsonb_path_ops);"
                 "SET enable_seqscan = off; SET enable_indexscan = off")
          .ok());
  const auto plan_of = [&](const std::string& name, const std::string& value) {
    const Statement statement = list_statement(*LogQuery::parse({{name, value}}));
    const Result<postgres::Rows> plan = db_.query("EXPLAIN " + statement.sql, statement.params);
    std::string text;
    for (int i = 0; plan.ok() && i < plan->size(); ++i) text += std::string(plan->text(i, 0));
    return text;
  };
  EXPECT_THAT(plan_of("text", "needle"), testing::HasSubstr("_body_idx"));
  EXPECT_THAT(plan_of("attr.k", "5"), testing::HasSubstr("_attributes_idx"));
  ASSERT_TRUE(db_.script("DROP INDEX logs_body, logs_attributes").ok());
}

// What a client makes of the text: ids and data of `log`, and the names of all events.
struct Told {
  std::vector<std::string> ids;
  std::vector<std::string> names;
};
Told read(const std::string& text) {
  Told told;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("id: ")) told.ids.push_back(line.substr(4));
    if (line.starts_with("event: ")) told.names.push_back(line.substr(7));
  }
  return told;
}

class Tail : public Queries {
 protected:
  void store(int partition, std::int64_t from, std::int64_t to, const std::string& body = "x") {
    RowColumns columns;
    for (std::int64_t offset = from; offset < to; ++offset) {
      LogRow row;
      row.event = event(0);
      row.event.service = offset % 10 == 0 ? "ten" : "other";
      row.event.body = body;
      row.partition = partition;
      row.offset = offset;
      columns.add(row, id_time(row.event.id, WallTime{}));
    }
    ASSERT_TRUE(db_.query(RowColumns::insert_sql(), columns.take()).ok());
  }
};

TEST_F(Tail, EveryIdIsAPlaceToGoOnFrom) {
  store(0, 0, 30);
  store(1, 0, 70);
  store(7, 0, 5);
  const TailEnds ends = {{0, 30}, {1, 70}, {7, 5}};
  TailLimits limits;
  limits.page_rows = 9;
  TailReader whole({}, TailPosition{{{0, 0}, {1, 0}}}, limits);
  std::vector<std::string> ids;
  while (!whole.caught_up(ends)) {
    const Result<TailReader::Page> page = whole.next(db_, ends);
    ASSERT_TRUE(page.ok()) << page.error().message;
    for (const std::string& id : read(page->text).ids) ids.push_back(id);
  }
  ASSERT_EQ(ids.size(), 105u);
  EXPECT_EQ(ids.back(), "0-30.1-70.7-5");
  for (std::size_t i = 0; i < ids.size(); i += 7) {
    TailReader rest({}, *TailPosition::parse(ids[i]), limits);
    std::int64_t events = 0;
    while (!rest.caught_up(ends)) events += rest.next(db_, ends)->events;
    EXPECT_EQ(events, static_cast<std::int64_t>(ids.size() - i - 1)) << ids[i];
  }
}

TEST_F(Tail, AFilterMovesOnOverWhatDoesNotMatch) {
  store(0, 0, 100);
  LogFilter filter;
  filter.service = "ten";
  TailLimits limits;
  limits.window = 15;
  TailReader reader(filter, TailPosition{{{0, 0}}}, limits);
  std::int64_t events = 0;
  int pages = 0;
  for (; !reader.caught_up({{0, 100}}); ++pages) events += reader.next(db_, {{0, 100}})->events;
  EXPECT_EQ(events, 10);
  EXPECT_EQ(pages, 7);
  EXPECT_EQ(reader.position().encode(), "0-100");
}

TEST_F(Tail, APageEndsWithItsBytesAndNoPartitionWaitsForEver) {
  store(0, 0, 50, std::string(10'000, 'x'));
  store(1, 0, 5);
  TailLimits limits;
  limits.page_bytes = 35'000;
  TailReader reader({}, TailPosition{{{0, 0}, {1, 0}}}, limits);
  const TailEnds ends = {{0, 50}, {1, 5}};
  const Result<TailReader::Page> first = reader.next(db_, ends);
  EXPECT_EQ(first->events, 4);
  EXPECT_EQ(reader.position().encode(), "0-4.1-0");
  const Result<TailReader::Page> second = reader.next(db_, ends);
  EXPECT_EQ(reader.position().of(1), 5);
  EXPECT_LT(second->text.size(), 50'000u);
}

TEST_F(Tail, TellsOfATopicThatWasMadeAnew) {
  TailReader reader({}, TailPosition{{{0, 50}}}, {});
  const Result<TailReader::Page> page = reader.next(db_, {{0, 3}});
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(read(page->text).names, testing::ElementsAre("reset"));
  EXPECT_TRUE(reader.caught_up({{0, 3}}));
}

TEST_F(Tail, AFailedPageMovesNothing) {
  store(0, 0, 10);
  TailReader reader({}, TailPosition{{{0, 0}}}, {});
  postgres::Connection other = connect();
  ASSERT_TRUE(other
                  .query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
                         "pg_backend_pid() AND usename = current_user")
                  .ok());
  EXPECT_FALSE(reader.next(db_, {{0, 10}}).ok());
  db_ = connect();
  EXPECT_EQ(reader.next(db_, {{0, 10}})->events, 10);
}

}  // namespace
}  // namespace stormlog::pipeline
