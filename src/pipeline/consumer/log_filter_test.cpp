#include "pipeline/consumer/log_filter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/consumer/log_json.hpp"

namespace stormlog::pipeline {
namespace {

using testing::HasSubstr;

constexpr const char* kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";

LogFilter filter(const std::vector<std::pair<std::string, std::string>>& params) {
  LogFilter filter;
  for (const auto& [name, value] : params) {
    const Result<bool> known = filter.read(name, value);
    EXPECT_TRUE(known.ok() && *known) << name << ": " << (known.ok() ? "" : known.error().message);
  }
  return filter;
}

Statement conditions(const LogFilter& filter) {
  Statement statement;
  filter.add_to(statement);
  return statement;
}

std::string refused(const std::string& name, const std::string& value) {
  LogFilter filter;
  const Result<bool> known = filter.read(name, value);
  EXPECT_FALSE(known.ok()) << name << "=" << value;
  return known.ok() ? "" : known.error().message;
}

TEST(LogFilter, BecomesConditionsWithValuesApart) {
  const Statement all = conditions(filter({{"service", "pay'"},
                                           {"severity", "warn"},
                                           {"trace_id", "4BF92F3577B34DA6A3CE929D0E0E4736"},
                                           {"span_id", "00f067aa0ba902b7"},
                                           {"text", "50%_\\"},
                                           {"attr.user.name", "o\"k"}}));
  EXPECT_EQ(all.sql,
            " WHERE service = $1 AND severity_number >= $2 AND trace_id = $3 AND span_id = $4 AND "
            "attributes @> $5::jsonb AND body COLLATE \"C\" ILIKE $6");
  ASSERT_EQ(all.params.size(), 6u);
  EXPECT_EQ(all.params[0].value, "pay'");
  EXPECT_EQ(all.params[1].value, "13");
  EXPECT_EQ(all.params[2].value, kTrace);
  EXPECT_EQ(all.params[4].value, R"({"user.name":"o\"k"})");
  EXPECT_EQ(all.params[5].value, "%50\\%\\_\\\\%");
}

TEST(LogFilter, AttributesAreTyped) {
  EXPECT_EQ(filter({{"attr.a", "5"}}).attributes, (std::vector<AttributeFilter>{{"a", "5", "5"}}));
  EXPECT_EQ(filter({{"attr.a", "true"}}).attributes[0].json, "true");
  EXPECT_EQ(filter({{"attr.a", "\"5\""}}).attributes,
            (std::vector<AttributeFilter>{{"a", "5", ""}}));
  EXPECT_EQ(filter({{"attr.a", "null"}}).attributes[0].json, "");
  EXPECT_EQ(filter({{"attr.a", ""}}).attributes[0].text, "");
  const Statement number = conditions(filter({{"attr.a", "-5e1"}}));
  EXPECT_EQ(number.sql, " WHERE (attributes @> $1::jsonb OR attributes @> $2::jsonb)");
  EXPECT_EQ(number.params[0].value, R"({"a":"-5e1"})");
  EXPECT_EQ(number.params[1].value, R"({"a":-5e1})");
}

TEST(LogFilter, NamesWhatIsWrong) {
  EXPECT_THAT(refused("severity", "loud"), HasSubstr("severity must be"));
  EXPECT_THAT(refused("severity", "25"), HasSubstr("severity must be"));
  EXPECT_THAT(refused("severity", "0"), HasSubstr("severity must be"));
  EXPECT_THAT(refused("trace_id", "4bf9"), HasSubstr("trace_id must be 32"));
  EXPECT_THAT(refused("span_id", "00f067aa0ba902bg"), HasSubstr("span_id must be 16"));
  EXPECT_THAT(refused("text", ""), HasSubstr("text must have"));
  EXPECT_THAT(refused("text", std::string(1'025, 'a')), HasSubstr("it has 1025"));
  EXPECT_THAT(refused("attr.", "x"), HasSubstr("attr.: the attribute's name"));
  EXPECT_THAT(refused("attr.a", "\"open"), HasSubstr("attr.a: what begins with a quote"));
  EXPECT_THAT(refused("attr.a", R"("\u0000")"), HasSubstr("attr.a must not hold a NUL"));
  LogFilter many;
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(many.read("attr.a" + std::to_string(i), "x").ok());
  EXPECT_THAT(many.read("attr.b", "x").error().message, HasSubstr("at most 16"));
  EXPECT_FALSE(*LogFilter().read("levle", "INFO"));
}

TEST(CheckParams, RefusesWhatPostgresqlCannotTakeAsText) {
  EXPECT_THAT(check_params({{"service", std::string("a\0b", 3)}}).error().message,
              HasSubstr("service must not hold a NUL"));
  EXPECT_THAT(check_params({{"text", "\xC3"}}).error().message, HasSubstr("text is not UTF-8"));
  EXPECT_THAT(check_params({{"attr.\xFF", "x"}}).error().message, HasSubstr("not UTF-8"));
  EXPECT_THAT(check_params({{"limit", "1"}, {"limit", "2"}}).error().message,
              HasSubstr("limit is given twice"));
  EXPECT_TRUE(check_params({{"text", "größer"}, {"limit", "2"}}).ok());
}

// The same events are put into PostgreSQL by the integration test query_test.
class Matches : public testing::Test {
 protected:
  Matches() {
    event.service = "pay";
    event.severity_number = 13;
    event.trace_id = kTrace;
    event.span_id = "00f067aa0ba902b7";
    event.body = "Disk \"full\" at 91%, ÄRGER";
    event.attributes = R"({"user":"u1","code":200,"big":12345678901234567890.50,"ok":true,)"
                       R"("list":["x"],"none":null,"text5":"5"})";
  }
  bool matches(const std::vector<std::pair<std::string, std::string>>& params) const {
    return filter(params).matches(to_json(event, 0, 0));
  }
  EventRecord event;
};

TEST_F(Matches, AllOfItMustHold) {
  EXPECT_TRUE(matches({}));
  EXPECT_TRUE(matches({{"attr.user", "u1"},
                       {"text", "disk \"FULL\""},
                       {"severity", "13"},
                       {"service", "pay"},
                       {"trace_id", kTrace},
                       {"span_id", "00F067AA0BA902B7"},
                       {"attr.code", "200"}}));
  EXPECT_FALSE(matches({{"service", "pa"}}));
  EXPECT_FALSE(matches({{"severity", "14"}}));
  EXPECT_FALSE(matches({{"trace_id", "4bf92f3577b34da6a3ce929d0e0e4737"}}));
  EXPECT_FALSE(matches({{"service", "pay"}, {"attr.user", "u2"}}));
}

TEST_F(Matches, TextFoldsAsciiAlone) {
  EXPECT_TRUE(matches({{"text", "at 91%"}}));
  EXPECT_FALSE(matches({{"text", "at 9_%"}}));
  EXPECT_TRUE(matches({{"text", "Ärger"}}));
  EXPECT_FALSE(matches({{"text", "ärger"}}));
  event.body = R"({"a":[1,{"b":"Deep"}]})";
  event.body_is_json = true;
  EXPECT_TRUE(matches({{"text", "\"b\":\"deep\""}}));
  event.body = "42";
  EXPECT_TRUE(matches({{"text", "42"}}));
  EXPECT_FALSE(matches({{"text", "43"}}));
}

TEST_F(Matches, AttributesByTypeAndValue) {
  EXPECT_TRUE(matches({{"attr.code", "200.0"}}));
  EXPECT_TRUE(matches({{"attr.code", "2e2"}}));
  EXPECT_FALSE(matches({{"attr.code", "\"200\""}}));
  EXPECT_FALSE(matches({{"attr.code", "201"}}));
  EXPECT_TRUE(matches({{"attr.big", "12345678901234567890.5"}}));
  EXPECT_FALSE(matches({{"attr.big", "12345678901234567890.6"}}));
  EXPECT_TRUE(matches({{"attr.text5", "5"}}));
  EXPECT_TRUE(matches({{"attr.ok", "true"}}));
  EXPECT_FALSE(matches({{"attr.ok", "false"}}));
  EXPECT_FALSE(matches({{"attr.ok", "1"}}));
  EXPECT_FALSE(matches({{"attr.list", "x"}}));
  EXPECT_FALSE(matches({{"attr.none", "null"}}));
  EXPECT_FALSE(matches({{"attr.missing", "x"}}));
}

TEST(LogFilterMatch, WhatCannotBeReadDoesNotMatch) {
  EXPECT_FALSE(filter({{"service", "a"}}).matches("{\"service\":"));
  EXPECT_FALSE(filter({{"text", "a"}}).matches(""));
}

}  // namespace
}  // namespace stormlog::pipeline
