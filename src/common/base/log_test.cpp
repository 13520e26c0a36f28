#include "common/base/log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace stormlog::log {
namespace {

constexpr std::string_view kTime = "2026-01-31T12:00:00.123Z";

std::string json(std::string_view message, std::initializer_list<Field> fields = {}) {
  return format_line(Format::json, "api-gateway", kTime, Level::info, message, fields);
}

std::string text(std::string_view message, std::initializer_list<Field> fields = {}) {
  return format_line(Format::text, "api-gateway", kTime, Level::warn, message, fields);
}

TEST(LogTest, JsonHasFixedKeysThenFieldsOfEachType) {
  EXPECT_EQ(json("started", {{"port", 8080}, {"ratio", 0.5}, {"ok", true}, {"who", "me"}}),
            R"({"ts":"2026-01-31T12:00:00.123Z","level":"info","service":"api-gateway",)"
            R"("msg":"started","port":8080,"ratio":0.5,"ok":true,"who":"me"})");
}

TEST(LogTest, JsonEscapesQuotesAndControlCharacters) {
  EXPECT_NE(json("a\"b\\c\nd\te\rf\x01g\x7fh").find(R"("msg":"a\"b\\c\nd\te\rf\u0001g\u007fh")"),
            std::string::npos);
  const std::string with_zero("x\0y", 3);
  EXPECT_NE(json(with_zero).find(R"("msg":"x\u0000y")"), std::string::npos);
}

TEST(LogTest, ValidUtf8Stays) {
  const std::string message = "Grüße €  \xF0\x9F\x8C\xA9";
  EXPECT_NE(json(message).find(message), std::string::npos);
}

TEST(LogTest, InvalidUtf8IsReplacedByteByByte) {
  const std::string replacement = "\xEF\xBF\xBD";
  const auto message_of = [&](std::string_view bytes) { return json(std::string(bytes) + "|"); };
  for (const std::string_view bad : {
           std::string_view("\x80"),              // continuation alone
           std::string_view("\xC0\xAF"),          // overlong
           std::string_view("\xE0\x80\xAF"),      // overlong
           std::string_view("\xED\xA0\x80"),      // surrogate
           std::string_view("\xF5\x80\x80\x80"),  // beyond U+10FFFF
           std::string_view("\xFF"),
       }) {
    std::string expected;
    for (std::size_t i = 0; i < bad.size(); ++i) expected += replacement;
    EXPECT_NE(message_of(bad).find("\"msg\":\"" + expected + "|\""), std::string::npos);
  }
  // Cut short at the end of the text.
  EXPECT_NE(json("a\xE2\x82").find("\"msg\":\"a" + replacement + replacement + "\""),
            std::string::npos);
}

TEST(LogTest, JsonHasNoNan) {
  EXPECT_NE(json("m", {{"rate", std::numeric_limits<double>::quiet_NaN()}}).find("\"rate\":null"),
            std::string::npos);
  EXPECT_NE(json("m", {{"rate", std::numeric_limits<double>::infinity()}}).find("\"rate\":null"),
            std::string::npos);
}

TEST(LogTest, TextIsReadableAndCannotForgeLines) {
  EXPECT_EQ(text("listening", {{"address", "127.0.0.1:8080"}, {"n", 3}}),
            "2026-01-31T12:00:00.123Z warn  api-gateway: listening address=127.0.0.1:8080 n=3");
  EXPECT_EQ(text("a\nb", {{"q", "two words"}, {"e", ""}, {"esc", "\x1b[31m"}}),
            "2026-01-31T12:00:00.123Z warn  api-gateway: a\\nb q=\"two words\" e=\"\" "
            "esc=\"\\u001b[31m\"");
}

TEST(LogTest, WritesOneLineToStandardErrorFromItsLevelUp) {
  ::testing::internal::CaptureStderr();
  init("log-producer", Level::warn, Format::json);
  info("not shown");
  warn("shown", {{"n", 1}});
  init("log-producer", Level::off, Format::json);
  error("not shown either");
  const std::string out = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(out.find("not shown"), std::string::npos);
  EXPECT_NE(out.find(R"("level":"warn","service":"log-producer","msg":"shown","n":1})"),
            std::string::npos);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
}

}  // namespace
}  // namespace stormlog::log
