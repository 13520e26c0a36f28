// The small parts: stored form, severity, text, identity.

#include "pipeline/event/event.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/event/identity.hpp"
#include "pipeline/event/json_text.hpp"
#include "pipeline/event/severity.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;

constexpr char kStored[] =
    R"({"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","timestamp":1700000000000000000,"body":"x"})";

TEST(StoredForm, ReadsTheLeast) {
  const auto event = decode_stored(kStored);
  ASSERT_TRUE(event.ok()) << event.error().message;
  EXPECT_EQ(event->timestamp_ns, 1'700'000'000'000'000'000);
  EXPECT_EQ(event->observed_timestamp_ns, event->timestamp_ns);
  EXPECT_EQ(event->attributes, "{}");
  EXPECT_EQ(event->resource, "{}");
  EXPECT_EQ(event->scope, "{}");
}

TEST(StoredForm, UnknownMembersOfALaterWriterAreLeft) {
  std::string payload = kStored;
  payload.insert(1, R"("new":{"a":1},)");
  EXPECT_TRUE(decode_stored(payload).ok());
}

TEST(StoredForm, NamesWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "not a JSON object"},
      {"x", "not a JSON object"},
      {"[]", "not a JSON object"},
      {std::string(kStored) + "x", "not a JSON object"},
      {R"({"id":"01890a5d-ac96-774b-bcce-b302099a8057","timestamp":1})", "v:"},
      {R"({"v":2,"id":"01890a5d-ac96-774b-bcce-b302099a8057","timestamp":1})", "v:"},
      {R"({"v":1,"timestamp":1})", "id is missing"},
      {R"({"v":1,"id":"x","timestamp":1})", "id must be a UUID"},
      {R"({"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057"})", "timestamp is missing"},
      {R"({"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","timestamp":-1})", "timestamp"},
      {R"({"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","timestamp":1,"attributes":[]})",
       "attributes must be an object"},
      {R"({"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","timestamp":1,"severity_number":99})",
       "severity_number"},
      {R"({"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","timestamp":1,"trace_id":"zz"})",
       "trace_id"},
      {std::string(3 * 1024 * 1024, ' '), "too large"},
  };
  for (const auto& [payload, message] : table) {
    const auto event = decode_stored(payload);
    ASSERT_FALSE(event.ok()) << payload.substr(0, 100);
    EXPECT_EQ(event.error().kind, ErrorKind::permanent);
    EXPECT_THAT(event.error().message, HasSubstr(message));
  }
}

TEST(StoredForm, ForeignNulsDoNotReachTheStore) {
  const auto event = decode_stored(
      R"({"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","timestamp":1,"body":"a\u0000","attributes":{"k":"\u0000"}})");
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->body, "a\uFFFD");
  EXPECT_EQ(event->attributes, "{\"k\":\"\uFFFD\"}");
}

TEST(Severity, KnowsTheNamesOfLoggers) {
  const std::vector<std::pair<std::string_view, int>> table = {
      {"trace", 1},  {"DEBUG", 5},    {"Info", 9},           {"information", 9}, {"notice", 10},
      {"WARN", 13},  {"warning", 13}, {"error", 17},         {"err", 17},        {"CRITICAL", 18},
      {"alert", 19}, {"fatal", 21},   {"emergency", 21},     {"FATAL4", 24},     {"debug3", 7},
      {"", 0},       {"loud", 0},     {"informational!!", 0}};
  for (const auto& [text, number] : table) EXPECT_EQ(severity_number_of(text), number) << text;
  for (int number = 1; number <= 24; ++number) {
    EXPECT_EQ(severity_number_of(severity_name(number)), number);
  }
  EXPECT_EQ(severity_name(0), "");
  EXPECT_EQ(severity_name(25), "");
  EXPECT_EQ(severity_name(-1), "");
}

TEST(JsonText, QuotesWhatJsonDemands) {
  std::string out;
  json_text::append_quoted(std::string_view("a\"b\\c\n\r\t\x01\x1F\0é", 13), out);
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\xEF\xBF\xBD\xC3\xA9\"");
}

TEST(JsonText, ChecksNumbers) {
  using json_text::check_number;
  using json_text::NumberCheck;
  for (const char* ok : {"0", "-0", "1", "-12.5", "1e5", "1E-5", "0.0e+10", "1e308"}) {
    EXPECT_EQ(check_number(ok), NumberCheck::ok) << ok;
  }
  for (const char* bad : {"", "-", "01", "1.", ".5", "1e", "1e+", "+1", "1x", "0x1", "1 "}) {
    EXPECT_EQ(check_number(bad), NumberCheck::malformed) << bad;
  }
  EXPECT_EQ(check_number("1e309"), NumberCheck::out_of_range);
  EXPECT_EQ(check_number("-1e999999999999999999999"), NumberCheck::out_of_range);
  EXPECT_EQ(check_number(std::string(65, '1')), NumberCheck::out_of_range);
}

TEST(Identity, ChecksTraceparent) {
  EXPECT_TRUE(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  for (const char* bad : {"", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                          "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x"}) {
    EXPECT_FALSE(is_traceparent(bad)) << bad;
  }
}

TEST(Identity, LaterVersionsOfTraceparentAreReadAsThisOne) {
  const std::string rest = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
  EXPECT_EQ(normalise_traceparent("00" + rest + "01"), "00" + rest + "01");
  EXPECT_EQ(normalise_traceparent("00" + rest + "ff"), "00" + rest + "ff");
  EXPECT_EQ(normalise_traceparent("01" + rest + "01"), "00" + rest + "01");
  EXPECT_EQ(normalise_traceparent("cc" + rest + "03-what-the-future-brings"), "00" + rest + "01");
  EXPECT_EQ(normalise_traceparent("cc" + rest + "0a"), "00" + rest + "00");
  EXPECT_EQ(normalise_traceparent("cc" + rest + "0b"), "00" + rest + "01");
  for (const std::string& bad :
       {std::string(), "00" + rest + "01-more", "00" + rest + "01.", "ff" + rest + "01",
        "cc" + rest + "01.more", "CC" + rest + "01", "0" + rest + "01", "01" + rest + "0",
        std::string("01-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        std::string("01-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")}) {
    EXPECT_EQ(normalise_traceparent(bad), "") << bad;
  }
}

TEST(Identity, ChecksIdempotencyKeys) {
  EXPECT_TRUE(is_idempotency_key("order-17"));
  EXPECT_FALSE(is_idempotency_key(""));
  EXPECT_FALSE(is_idempotency_key("two words"));
  EXPECT_FALSE(is_idempotency_key("caf\xC3\xA9"));
  EXPECT_FALSE(is_idempotency_key(std::string(256, 'k')));
}

TEST(Identity, DerivedIdsNeverChange) {
  // Clients rely on it across versions: the same request must give the same ids after an upgrade.
  EXPECT_EQ(derived_id("order-17", 0), derived_id("order-17", 0));
  EXPECT_NE(derived_id("order-17", 0), derived_id("order-170", 0));
  EXPECT_EQ(derived_id("order-17", 3).to_string(), "4d5df3f1-6c2a-861d-878c-4b6e85261f54");
}

}  // namespace
}  // namespace stormlog::pipeline
