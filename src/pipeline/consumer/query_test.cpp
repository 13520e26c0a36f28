#include "pipeline/consumer/query.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "pipeline/consumer/log_json.hpp"

namespace stormlog::pipeline {
namespace {

using testing::HasSubstr;

const Uuid kId = *Uuid::parse("018f2f0e-7a3b-7c4d-8e5f-0123456789ab");

TEST(Cursor, ComesBackAsItWent) {
  for (const std::int64_t ts :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'700'000'000'123'456'789},
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    const Cursor cursor{ts, kId};
    const std::string text = cursor.encode();
    EXPECT_EQ(text.find_first_of("+/="), std::string::npos);
    EXPECT_EQ(Cursor::decode(text), cursor);
  }
}

TEST(Cursor, RefusesWhatItDidNotMake) {
  const std::string good = Cursor{1, kId}.encode();
  EXPECT_FALSE(Cursor::decode(""));
  EXPECT_FALSE(Cursor::decode(good.substr(1)));
  EXPECT_FALSE(Cursor::decode(good + "A"));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(Cursor::decode(bad)) << i;
  }
}

TEST(LogQuery, ReadsEveryParameter) {
  const std::string cursor = Cursor{5, kId}.encode();
  const Result<LogQuery> query = LogQuery::parse({{"limit", "7"},
                                                  {"service", "pay"},
                                                  {"since", "1970-01-01T00:00:01.5Z"},
                                                  {"until", "1970-01-01T01:00:02+01:00"},
                                                  {"severity", "warn"},
                                                  {"cursor", cursor}});
  ASSERT_TRUE(query.ok()) << query.error().message;
  EXPECT_EQ(query->limit, 7);
  EXPECT_EQ(query->filter.service, "pay");
  EXPECT_EQ(query->since_ns, 1'500'000'000);
  EXPECT_EQ(query->until_ns, 2'000'000'000);
  EXPECT_EQ(query->filter.severity_at_least, 13);
  EXPECT_EQ(query->after, (Cursor{5, kId}));
  EXPECT_EQ(LogQuery::parse({{"severity", "17"}})->filter.severity_at_least, 17);
}

TEST(LogQuery, NamesWhatIsWrong) {
  const auto error = [](const std::string& name, const std::string& value) {
    const Result<LogQuery> query = LogQuery::parse({{name, value}});
    EXPECT_FALSE(query.ok()) << name << "=" << value;
    return query.ok() ? "" : query.error().message;
  };
  EXPECT_THAT(error("limit", "0"), HasSubstr("1 to 1000"));
  EXPECT_THAT(error("limit", "1001"), HasSubstr("1 to 1000"));
  EXPECT_THAT(error("limit", "x"), HasSubstr("1 to 1000"));
  EXPECT_THAT(error("since", "yesterday"), HasSubstr("since must be a time"));
  EXPECT_THAT(error("severity", "loud"), HasSubstr("severity must be"));
  EXPECT_THAT(error("severity", "25"), HasSubstr("severity must be"));
  EXPECT_THAT(error("cursor", "abc"), HasSubstr("next_cursor"));
  EXPECT_THAT(error("service", std::string("a\0b", 3)), HasSubstr("NUL"));
  EXPECT_THAT(error("levle", "INFO"), HasSubstr("unknown parameter \"levle\""));
  EXPECT_THAT(error("trace_id", "1"), HasSubstr("trace_id must be"));
  EXPECT_THAT(LogQuery::parse({{"limit", "1"}, {"limit", "2"}}).error().message,
              HasSubstr("limit is given twice"));
  EXPECT_THAT(
      LogQuery::parse({{"since", "2026-01-31T12:00:01Z"}, {"until", "2026-01-31T12:00:00Z"}})
          .error()
          .message,
      HasSubstr("until must not lie before since"));
}

TEST(ListStatement, AsksForOneMoreThanTheLimit) {
  const Statement plain = list_statement(LogQuery{});
  EXPECT_THAT(plain.sql, testing::EndsWith("FROM logs ORDER BY ts_ns DESC, id DESC LIMIT 101"));
  EXPECT_TRUE(plain.params.empty());
  LogQuery query;
  query.filter.service = "pay'";
  query.filter.severity_at_least = 9;
  query.after = Cursor{5, kId};
  const Statement statement = list_statement(query);
  EXPECT_THAT(statement.sql, HasSubstr(" WHERE (ts_ns, id) < ($1::bigint, $2::uuid) AND "
                                       "service = $3 AND severity_number >= $4 ORDER BY"));
  ASSERT_EQ(statement.params.size(), 4u);
  EXPECT_EQ(statement.params[2].value, "pay'");
  EXPECT_EQ(statement.params[1].value, kId.to_string());
}

TEST(LogJson, LeavesOutWhatIsAbsentAndKeepsNanoseconds) {
  EventRecord event;
  event.id = kId;
  event.timestamp_ns = 1'700'000'000'123'456'789;
  event.observed_timestamp_ns = 1'700'000'000'000'000'000;
  event.service = "a\"b";
  event.body = "line\n";
  event.attributes = R"({"n":1})";
  EXPECT_EQ(to_json(event, 2, 7),
            R"({"id":"018f2f0e-7a3b-7c4d-8e5f-0123456789ab",)"
            R"("timestamp":"2023-11-14T22:13:20.123456789Z",)"
            R"("observed_timestamp":"2023-11-14T22:13:20.000000000Z","service":"a\"b",)"
            R"("severity_number":0,"body":"line\n","attributes":{"n":1},"resource":{},"scope":{},)"
            R"("kafka":{"partition":2,"offset":7}})");
}

TEST(LogJson, AJsonBodyIsNoText) {
  EventRecord event;
  event.body = "[1,2]";
  event.body_is_json = true;
  event.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  event.trace_flags = 1;
  EXPECT_THAT(to_json(event, 0, 0),
              HasSubstr(R"("body":[1,2],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736",)"
                        R"("trace_flags":1,)"));
}

}  // namespace
}  // namespace stormlog::pipeline
