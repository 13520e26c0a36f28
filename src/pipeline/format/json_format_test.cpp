#include "pipeline/event/identity.hpp"
#include "pipeline/event/limits.hpp"
#include "pipeline/format/format_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;

constexpr char kId[] = "01890a5d-ac96-774b-bcce-b302099a8057";

class JsonFormatTest : public FormatTest {
 protected:
  JsonFormatTest() : FormatTest(json_format) {}

  // The only event of a body that must hold one.
  EventView frame(const std::string& body) {
    ParsedRecords parsed = records(body);
    EXPECT_TRUE(parsed.errors.empty());
    frames_ = std::move(parsed.frames);
    const auto events = decode_frames(frames_, parsed.count);
    EXPECT_TRUE(events.ok() && events->size() == 1);
    return events.ok() && events->size() == 1 ? events->front() : EventView{};
  }

  std::string frames_;
};

TEST_F(JsonFormatTest, ReadsEveryField) {
  const EventRecord event = stored(R"({
    "id":"01890A5D-AC96-774B-BCCE-B302099A8057","key":"k1","timestamp":"2026-01-31T12:00:00.5Z",
    "severity_text":"Warning","severity_number":14,"body":"disk \"full\"","service":"billing",
    "resource":{"host.name":"a","service.name":"billing"},"scope":{"name":"db"},
    "attributes":{"n":1.50,"deep":{"a":[true,null,"x"]}},"user":"u1",
    "trace_id":"4BF92F3577B34DA6A3CE929D0E0E4736","span_id":"00f067aa0ba902b7","trace_flags":1,
    "event_name":"disk.full"})");
  EXPECT_EQ(event.id.to_string(), kId);
  EXPECT_EQ(event.timestamp_ns, 1'769'860'800'500'000'000);
  EXPECT_EQ(event.observed_timestamp_ns, kReceived);
  EXPECT_EQ(event.severity_text, "Warning");
  EXPECT_EQ(event.severity_number, 14);
  EXPECT_EQ(event.body, "disk \"full\"");
  EXPECT_FALSE(event.body_is_json);
  EXPECT_EQ(event.service, "billing");
  EXPECT_EQ(event.resource, R"({"host.name":"a","service.name":"billing"})");
  EXPECT_EQ(event.scope, R"({"name":"db"})");
  EXPECT_EQ(event.attributes, R"({"n":1.50,"deep":{"a":[true,null,"x"]},"user":"u1"})");
  EXPECT_EQ(event.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(event.span_id, "00f067aa0ba902b7");
  EXPECT_EQ(event.trace_flags, 1);
  EXPECT_EQ(event.event_name, "disk.full");
}

TEST_F(JsonFormatTest, FillsInWhatFollows) {
  const EventRecord event = stored(R"({"message":"hi","level":"warn"})");
  EXPECT_EQ(event.timestamp_ns, kReceived);
  EXPECT_EQ(event.severity_number, 13);
  EXPECT_EQ(event.severity_text, "warn");
  EXPECT_EQ(event.id.unix_ms(), 1'700'000'001'000);
  EXPECT_EQ(stored(R"({"body":"x","severity_number":18})").severity_text, "ERROR2");
  EXPECT_EQ(stored(R"({"body":"x","severity":9})").severity_text, "INFO");
  EXPECT_EQ(stored(R"({"body":"x","severity":"odd"})").severity_number, 0);
  EXPECT_EQ(stored(R"({"body":"x","resource":{"service.name":"web"}})").service, "web");
}

TEST_F(JsonFormatTest, TheKafkaKeyIsTheCallersElseTheService) {
  EXPECT_EQ(frame(R"({"body":"x","key":"k","service":"s"})").key, "k");
  EXPECT_EQ(frame(R"({"body":"x","key":"","service":"s"})").key, "");
  EXPECT_EQ(frame(R"({"body":"x","service":"s"})").key, "s");
  EXPECT_EQ(frame(R"({"body":"x","resource":{"service.name":"r"}})").key, "r");
  EXPECT_EQ(frame(R"({"body":"x"})").key, "");
}

TEST_F(JsonFormatTest, AnIdempotencyKeyGivesTheSameIdsAgain) {
  context_.idempotency_key = "order-17";
  auto first = parse(
      R"([{"body":"a"},{"body":"b"},{"id":"01890a5d-ac96-774b-bcce-b302099a8057","body":"c"}])");
  auto second = parse(R"([{"body":"a"},{"body":"b"}])");
  ASSERT_TRUE(first.ok() && second.ok());
  const auto a = decode_frames(first->frames, 3);
  const auto b = decode_frames(second->frames, 2);
  EXPECT_EQ((*a)[0].id, (*b)[0].id);
  EXPECT_EQ((*a)[1].id, (*b)[1].id);
  EXPECT_NE((*a)[0].id, (*a)[1].id);
  EXPECT_EQ((*a)[2].id.to_string(), kId);
  EXPECT_EQ((*a)[0].id.bytes[6] >> 4, 8);
  EXPECT_EQ((*a)[1].id, derived_id("order-17", 1));
}

TEST_F(JsonFormatTest, TraceContextIsTheRequestsElseTheEventsOwn) {
  const std::string own =
      R"({"body":"x","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","trace_flags":1})";
  EXPECT_EQ(frame(own).traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  context_.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
  EXPECT_EQ(frame(own).traceparent, context_.traceparent);
  EXPECT_EQ(frame(R"({"body":"x"})").received_ns, kReceived);
}

TEST_F(JsonFormatTest, NumbersKeepTheirDigits) {
  const EventRecord event = stored(
      R"({"attributes":{"a":0.12345678901234567890123,"b":12345678901234567890123,"c":-1E+2,"d":0}})");
  EXPECT_EQ(event.attributes,
            R"({"a":0.12345678901234567890123,"b":12345678901234567890123,"c":-1E+2,"d":0})");
}

TEST_F(JsonFormatTest, WhatCannotBeStoredIsReplaced) {
  const EventRecord event = stored(
      R"({"body":"a\u0000b\ud800c\udc00d\ud83d\ude00e","service":"s\u0000","attributes":{"k\u0000":"\u0000\u00e9\n"}})");
  EXPECT_EQ(event.body, "a\uFFFDb\uFFFDc\uFFFDd\U0001F600e");
  EXPECT_EQ(event.service, "s\uFFFD");
  EXPECT_EQ(event.attributes, "{\"k\uFFFD\":\"\uFFFD\\u00e9\\n\"}");
}

TEST_F(JsonFormatTest, NullMeansAbsent) {
  const EventRecord event = stored(
      R"({"id":null,"key":null,"timestamp":null,"severity_text":null,"body":"x","service":null,
          "resource":null,"scope":null,"attributes":null,"trace_id":null,"trace_flags":null,"other":null})");
  EXPECT_EQ(event.timestamp_ns, kReceived);
  EXPECT_EQ(event.attributes, R"({"other":null})");
  EXPECT_EQ(event.resource, "{}");
}

TEST_F(JsonFormatTest, BodiesMayBeAnyJson) {
  for (const std::string body : {R"({"a":[1,{"b":null}]})", "[1,2]", "17", "true", "[]", "{}"}) {
    const EventRecord event = stored(R"({"body": )" + body + " }");
    EXPECT_TRUE(event.body_is_json);
    EXPECT_EQ(event.body, body);
  }
}

struct Refusal {
  std::string body;
  std::string code;
  std::string field;
  std::string detail;
};

TEST_F(JsonFormatTest, RefusesByField) {
  const std::vector<Refusal> table = {
      {R"({"id":"17","body":"x"})", "invalid", "id", "must be a UUID"},
      {R"({"id":17,"body":"x"})", "invalid", "id", "must be a string"},
      {R"({"id":"00000000-0000-0000-0000-000000000000","body":"x"})", "invalid", "id", "UUID"},
      {R"({"body":"x","timestamp":"yesterday"})", "invalid", "timestamp", "RFC 3339"},
      {R"({"body":"x","timestamp":1700000000})", "invalid", "timestamp", "nanoseconds"},
      {R"({"body":"x","timestamp":1700000000000})", "invalid", "timestamp", "nanoseconds"},
      {R"({"body":"x","timestamp":1.5})", "invalid", "timestamp", "whole number"},
      {R"({"body":"x","timestamp":99999999999999999999})", "invalid", "timestamp", "64 bits"},
      {R"({"body":"x","timestamp":"1969-12-31T23:59:59Z"})", "invalid", "timestamp", "1970"},
      {R"({"body":"x","timestamp":"2263-01-01T00:00:00Z"})", "invalid", "timestamp", ""},
      {R"({"body":"x","timestamp":"9999-12-31T23:59:59Z"})", "invalid", "timestamp", ""},
      {R"({"body":"x","timestamp":[]})", "invalid", "timestamp", "string"},
      {R"({"body":"x","severity_number":25})", "invalid", "severity_number", "24"},
      {R"({"body":"x","severity_number":-1})", "invalid", "severity_number", "24"},
      {R"({"body":"x","level":30})", "invalid", "level", "severity_text"},
      {R"({"body":"x","level":{}})", "invalid", "level", "string"},
      {R"({"body":"x","level":"a","severity":"b"})", "duplicate", "severity", "level"},
      {R"({"body":"x","trace_id":"xyz"})", "invalid", "trace_id", "32 hex"},
      {R"({"body":"x","span_id":"00f067aa0ba902b7ff"})", "invalid", "span_id", "16 hex"},
      {R"({"body":"x","trace_flags":256})", "invalid", "trace_flags", "255"},
      {R"({"body":"x","attributes":[1]})", "invalid", "attributes", "object"},
      {R"({"body":"x","resource":"r"})", "invalid", "resource", "object"},
      {R"({"body":"x","resource":{"service.name":1}})", "invalid", "resource", "string"},
      {R"({"body":"x","service":"a","resource":{"service.name":"b"}})", "invalid", "service",
       "differ"},
      {R"({"body":"x","message":"y"})", "duplicate", "message", "same field"},
      {R"({"body":"x","body":"y"})", "duplicate", "body", "same"},
      {R"({"body":"x","service":"x","service":"y"})", "duplicate", "", "twice"},
      {R"({"body":"x","attributes":{"a":1,"a":2}})", "duplicate", "attributes", "\"a\""},
      {R"({"body":"x","attributes":{"a":1,"\u0061":2}})", "duplicate", "attributes", "\"a\""},
      {R"({"body":"x","attributes":{"u":1},"u":2})", "duplicate", "u", "attributes"},
      {R"({"body":{"a":{"b":1,"b":2}}})", "duplicate", "body", "twice"},
      {R"({"body":1e400})", "invalid", "body", "does not fit"},
      {R"({"body":"x","attributes":{"n":1e-9999}})", "invalid", "attributes", "does not fit"},
      {R"({})", "missing", "body", "needs a body"},
      {R"({"service":"x"})", "missing", "body", "needs a body"},
      {R"({"key":")" + std::string(257, 'k') + R"(","body":"x"})", "too_large", "key", "256"},
      {R"({"service":")" + std::string(257, 's') + R"(","body":"x"})", "too_large", "service",
       "256"},
      {R"({"body":"x",")" + std::string(1025, 'n') + R"(":1})", "too_large", "", "1024"},
      {R"({"body":)" + std::string(32, '[') + std::string(32, ']') + "}", "too_deep", "body", "32"},
      {R"({"body":")" + std::string(limits::kMaxEventBytes, 'b') + R"("})", "too_large", "",
       "larger"},
      {"[1]", "not_an_object", "", "JSON object"},
      {"[[]]", "not_an_object", "", "JSON object"},
      {R"(["x"])", "not_an_object", "", "JSON object"},
  };
  for (const Refusal& row : table) {
    const FieldError error = refused(row.body);
    EXPECT_EQ(error.code, row.code) << row.body.substr(0, 100) << "\n" << error.detail;
    EXPECT_EQ(error.field, row.field) << row.body.substr(0, 100) << "\n" << error.detail;
    EXPECT_THAT(error.detail, HasSubstr(row.detail)) << row.body.substr(0, 100);
  }
}

TEST_F(JsonFormatTest, CountsAreLimited) {
  const auto members = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      text += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + "\":1";
    }
    return text;
  };
  EXPECT_EQ(stored(R"({"attributes":{)" + members(256) + "}}").timestamp_ns, kReceived);
  EXPECT_EQ(refused(R"({"attributes":{)" + members(257) + "}}").field, "attributes");
  EXPECT_EQ(refused(R"({"attributes":{)" + members(256) + R"(},"b":1})").field, "attributes");
  EXPECT_EQ(refused(R"({"body":1,"resource":{)" + members(129) + "}}").field, "resource");
  EXPECT_EQ(refused(R"({"body":{)" + members(5'000) + "}}").code, "too_large");
}

// The stored form has members of its own beside the sender's.
TEST_F(JsonFormatTest, AsManyMembersAsMayBeCanBeReadBack) {
  std::string members;
  for (int i = 0; i < 4'095; ++i) members += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + "\":1";
  EXPECT_TRUE(stored(R"({"body":{)" + members + "}}").body_is_json);
}

TEST_F(JsonFormatTest, DepthIsLimitedExactly) {
  const auto nested = [](std::size_t depth) {
    return R"({"body":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_TRUE(stored(nested(31)).body_is_json);
  EXPECT_EQ(refused(nested(32)).code, "too_deep");
  EXPECT_EQ(refused(nested(900)).code, "too_deep");
}

TEST_F(JsonFormatTest, OneBadRecordDoesNotSinkTheOthers) {
  const auto records =
      parse(R"([{"body":"a"},{"id":"bad","body":"b","x":{"y":[1]}},{"body":"c"},7,{"body":"d"}])");
  ASSERT_TRUE(records.ok()) << records.error().message;
  EXPECT_EQ(records->count, 3U);
  EXPECT_EQ(records->total, 5U);
  EXPECT_THAT(records->indices, ::testing::ElementsAre(0, 2, 4));
  ASSERT_EQ(records->errors.size(), 2U);
  EXPECT_EQ(records->errors[0].index, 1U);
  EXPECT_EQ(records->errors[1].index, 3U);
  EXPECT_FALSE(records->single);
  EXPECT_EQ(records->record_of(1), 2U);
  ASSERT_TRUE(decode_frames(records->frames, 3).ok());
}

TEST_F(JsonFormatTest, RefusesWhatIsNotJsonAsAWhole) {
  const std::vector<std::string> table = {"",
                                          " ",
                                          "{",
                                          "}",
                                          "[",
                                          "nul",
                                          "{\"a\":1",
                                          R"({"body":"x"}x)",
                                          R"({"body":"x"} {"body":"y"})",
                                          R"([{"body":"x"},])",
                                          R"([{"body":"x"} {"body":"y"}])",
                                          R"({"body":"x",})",
                                          R"({"body" "x"})",
                                          R"({"body":x})",
                                          R"({"body":01})",
                                          R"({"body":1.})",
                                          R"({"body":+1})",
                                          R"({"body":-})",
                                          R"({"body":1 2})",
                                          R"({"body":tru})",
                                          R"({"body":nulL})",
                                          R"({"body":truex})",
                                          R"({"body":"\x"})",
                                          R"({"body":"\u12g4"})",
                                          R"({"body":"\u12"})",
                                          R"({"\q":1,"body":"x"})",
                                          "{\"body\":\"a\nb\"}",
                                          "{\"body\":\"\xFF\"}",
                                          "{\"body\":\"\xC0\x80\"}",
                                          "{\"body\":\"\xED\xA0\x80\"}",
                                          R"({body:"x"})",
                                          R"({'body':'x'})",
                                          R"({"body":"x)",
                                          R"("x")",
                                          "17",
                                          "null",
                                          R"([{"id":"bad","other":tru}])",
                                          R"([1,2 3])",
                                          R"({"attributes":{"a":[1,2,}})",
                                          R"({"observed_timestamp":nope,"body":"x"})",
                                          R"({"body":NaN})",
                                          R"({"body":Infinity})",
                                          "\xEF\xBB",
                                          R"({"body":"x"}])",
                                          R"([{"body":"x"}}])"};
  for (const std::string& body : table) EXPECT_NE(malformed(body), "") << body;
  EXPECT_THAT(malformed("{\"body\":\"\xFF\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(malformed("17"), HasSubstr("object (one event) or an array"));
}

TEST_F(JsonFormatTest, TooManyRecordsAreTooLarge) {
  std::string body = "[";
  for (int i = 0; i < 10'000; ++i) body += R"({"body":1},)";
  EXPECT_TRUE(parse(body.substr(0, body.size() - 1) + "]").ok());
  EXPECT_THAT(malformed(body + R"({"body":1}])", "413"), HasSubstr("10000"));
}

TEST_F(JsonFormatTest, AnEmptyArrayHoldsNothing) {
  const auto records = parse("[]");
  ASSERT_TRUE(records.ok());
  EXPECT_EQ(records->total, 0U);
}

// What is stored must be read back, whatever came in.
TEST_F(JsonFormatTest, MutatedInputNeverMakesABrokenStoredForm) {
  const std::string seed =
      R"([{"id":"01890a5d-ac96-774b-bcce-b302099a8057","key":"k\u0041","timestamp":"2026-01-31T12:00:00Z","level":"info","body":{"a":[1,2.5e3,"\ud83d\ude00\u0000"]},"attributes":{"x":null,"y":true},"resource":{"service.name":"s"},"z":"q"}])";
  Random random(3);
  int stored = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string body = seed;
    const auto changes = 1 + random.below(4);
    for (std::uint64_t i = 0; i < changes; ++i) {
      const std::size_t at = random.below(body.size());
      static constexpr std::string_view kAlphabet = "{}[]\",:\\u0019eE-+. tnfa\x01\xC3\xFF";
      const char c = kAlphabet[random.below(kAlphabet.size())];
      switch (random.below(3)) {
        case 0:
          body[at] = c;
          break;
        case 1:
          body.insert(at, 1, c);
          break;
        default:
          body.erase(at, 1 + random.below(5));
      }
      if (body.empty()) body = "{";
    }
    stored += count_stored(body);
  }
  EXPECT_GT(stored, 100);
}

}  // namespace
}  // namespace stormlog::pipeline
