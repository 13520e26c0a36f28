// Both encodings of OTLP: the same request in each becomes the same events.
#include <protozero/pbf_writer.hpp>

#include "pipeline/event/identity.hpp"
#include "pipeline/format/format_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using protozero::pbf_writer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t kTime = 1'769'860'800'500'000'000;
const std::string kTraceId = "\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36";
const std::string kSpanId = std::string("\0\xf0\x67\xaa\x0b\xa9\x02\xb7", 8);

// --- protobuf messages, built by hand ---

template <typename Write>
std::string build(Write write) {
  std::string bytes;
  pbf_writer writer(bytes);
  write(writer);
  return bytes;
}
std::string text_value(const std::string& text) {
  return build([&](pbf_writer& w) { w.add_string(1, text); });
}
std::string pair(const std::string& key, const std::string& value) {
  return build([&](pbf_writer& w) {
    w.add_string(1, key);
    w.add_message(2, value);
  });
}
std::string array_value(const std::vector<std::string>& values) {
  const std::string list = build([&](pbf_writer& w) {
    for (const auto& value : values) w.add_message(1, value);
  });
  return build([&](pbf_writer& w) { w.add_message(5, list); });
}
std::string list_value(const std::vector<std::string>& pairs) {
  const std::string list = build([&](pbf_writer& w) {
    for (const auto& each : pairs) w.add_message(1, each);
  });
  return build([&](pbf_writer& w) { w.add_message(6, list); });
}
std::string in_scope(const std::vector<std::string>& records) {
  return build([&](pbf_writer& w) {
    for (const auto& record : records) w.add_message(2, record);
  });
}
std::string request_of(const std::vector<std::string>& records) {
  const std::string logs = build([&](pbf_writer& w) { w.add_message(2, in_scope(records)); });
  return build([&](pbf_writer& w) { w.add_message(1, logs); });
}
std::string with_body(const std::string& value) {
  return build([&](pbf_writer& w) { w.add_message(5, value); });
}

class OtlpProtobufTest : public FormatTest {
 protected:
  OtlpProtobufTest() : FormatTest(otlp_protobuf_format) {}
};

class OtlpJsonTest : public FormatTest {
 protected:
  OtlpJsonTest() : FormatTest(otlp_json_format) {}
  static std::string record(const std::string& members) {
    return R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{)" + members + "}]}]}]}";
  }
};

// A record with every field, in both encodings, with resource and scope behind the records.
std::string full_protobuf() {
  const std::string record = build([](pbf_writer& w) {
    w.add_fixed64(1, kTime);
    w.add_fixed64(11, kTime + 1);
    w.add_enum(2, 13);
    w.add_string(3, "Warning");
    w.add_message(5, text_value("disk \"full\""));
    w.add_message(6,
                  pair("n", build([](pbf_writer& v) { v.add_int64(3, -9'007'199'254'740'993); })));
    w.add_message(6, pair("d", build([](pbf_writer& v) { v.add_double(4, 0.5); })));
    w.add_message(6, pair("t", build([](pbf_writer& v) { v.add_bool(2, true); })));
    w.add_message(6, pair("b", build([](pbf_writer& v) { v.add_bytes(7, "\xFF\x01"); })));
    w.add_message(6, pair("none", ""));
    w.add_message(6, pair("list", array_value({text_value("x"), "", array_value({})})));
    w.add_message(6, pair("map", list_value({pair("k", text_value("v"))})));
    w.add_uint32(7, 3);
    w.add_fixed32(8, 0x101);
    w.add_bytes(9, kTraceId);
    w.add_bytes(10, kSpanId);
    w.add_string(12, "disk.full");
    w.add_string(99, "from a later version");
  });
  const std::string scope = build([](pbf_writer& w) {
    w.add_string(1, "db");
    w.add_string(2, "1.2");
    w.add_message(3, pair("x", text_value("y")));
  });
  const std::string scope_logs = build([&](pbf_writer& w) {
    w.add_message(2, record);
    w.add_message(1, scope);
    w.add_string(3, "https://example.com/schema");
  });
  const std::string resource = build([](pbf_writer& w) {
    w.add_message(1, pair("host.name", text_value("a")));
    w.add_message(1, pair("service.name", text_value("billing")));
  });
  const std::string logs = build([&](pbf_writer& w) {
    w.add_message(2, scope_logs);
    w.add_message(1, resource);
  });
  return build([&](pbf_writer& w) { w.add_message(1, logs); });
}

constexpr char kFullJson[] = R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{
  "timeUnixNano":"1769860800500000000","observedTimeUnixNano":1769860800500000001,
  "severityNumber":13,"severityText":"Warning","body":{"stringValue":"disk \"full\""},
  "attributes":[{"key":"n","value":{"intValue":"-9007199254740993"}},
    {"key":"d","value":{"doubleValue":0.5}},{"value":{"boolValue":true},"key":"t"},
    {"key":"b","value":{"bytesValue":"/wE="}},{"key":"none"},
    {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"x"},{},{"arrayValue":{}}]}}},
    {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}}],
  "droppedAttributesCount":3,"flags":257,"traceId":"4BF92F3577B34DA6A3CE929D0E0E4736",
  "spanId":"00f067aa0ba902b7","eventName":"disk.full","later":{"a":[1]}}],
  "scope":{"name":"db","version":"1.2","attributes":[{"key":"x","value":{"stringValue":"y"}}]},
  "schemaUrl":"https://example.com/schema"}],
  "resource":{"attributes":[{"key":"host.name","value":{"stringValue":"a"}},
    {"key":"service.name","value":{"stringValue":"billing"}}]}}]})";

void expect_full(const EventRecord& event) {
  EXPECT_EQ(event.timestamp_ns, static_cast<std::int64_t>(kTime));
  EXPECT_EQ(event.severity_number, 13);
  EXPECT_EQ(event.severity_text, "Warning");
  EXPECT_EQ(event.body, "disk \"full\"");
  EXPECT_FALSE(event.body_is_json);
  EXPECT_EQ(event.attributes,
            R"({"n":-9007199254740993,"d":0.5,"t":true,"b":"/wE=","none":null,)"
            R"("list":["x",null,[]],"map":{"k":"v"},"otel.dropped_attributes_count":3})");
  EXPECT_EQ(event.resource, R"({"host.name":"a","service.name":"billing"})");
  EXPECT_EQ(event.service, "billing");
  EXPECT_EQ(event.scope,
            R"({"name":"db","version":"1.2","schema_url":"https://example.com/schema",)"
            R"("attributes":{"x":"y"}})");
  EXPECT_EQ(event.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(event.span_id, "00f067aa0ba902b7");
  EXPECT_EQ(event.trace_flags, 1);
  EXPECT_EQ(event.event_name, "disk.full");
}

TEST_F(OtlpProtobufTest, ReadsEveryField) {
  expect_full(stored(full_protobuf()));
}

TEST_F(OtlpJsonTest, ReadsEveryField) {
  expect_full(stored(kFullJson));
}

TEST_F(OtlpProtobufTest, ResourceAndScopeAreThoseOfTheirRecords) {
  const auto scoped = [](const std::string& scope, const std::string& body) {
    const std::string name = build([&](pbf_writer& w) { w.add_string(1, scope); });
    return build([&](pbf_writer& w) {
      w.add_message(1, name);
      w.add_message(2, with_body(text_value(body)));
    });
  };
  const auto logs = [&](const std::string& service) {
    const std::string resource =
        build([&](pbf_writer& w) { w.add_message(1, pair("service.name", text_value(service))); });
    return build([&](pbf_writer& w) {
      w.add_message(1, resource);
      w.add_message(2, scoped("s1", "a"));
      w.add_message(2, scoped("", "b"));
    });
  };
  const auto events = stored_all(build([&](pbf_writer& w) {
    w.add_message(1, logs("one"));
    w.add_message(1, logs("two"));
  }));
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0].service + events[1].service + events[2].service, "oneonetwo");
  EXPECT_EQ(events[0].scope, R"({"name":"s1"})");
  EXPECT_EQ(events[1].scope, "{}");
}

TEST_F(OtlpProtobufTest, TimeIsTheRecordsElseWhenItWasObservedElseTheArrival) {
  const auto timed = [](std::uint64_t time, std::uint64_t observed) {
    return request_of({build([&](pbf_writer& w) {
      w.add_fixed64(1, time);
      w.add_fixed64(11, observed);
      w.add_message(5, text_value("x"));
    })});
  };
  EXPECT_EQ(stored(timed(0, kTime)).timestamp_ns, static_cast<std::int64_t>(kTime));
  EXPECT_EQ(stored(timed(0, 0)).timestamp_ns, kReceived);
  EXPECT_EQ(refused(timed(1'700'000'000, 0)).code, "invalid");
  EXPECT_EQ(refused(timed(~std::uint64_t{0}, 0)).code, "invalid");
}

TEST_F(OtlpProtobufTest, IdsThatAreNoneCountAsAbsent) {
  for (const std::string& bad : {std::string(16, '\0'), std::string(15, 'x'), std::string()}) {
    const EventRecord event = stored(request_of({build([&](pbf_writer& w) {
      w.add_bytes(9, bad);
      w.add_bytes(10, bad.substr(0, 7));
      w.add_message(5, text_value("x"));
    })}));
    EXPECT_EQ(event.trace_id, "");
    EXPECT_EQ(event.span_id, "");
  }
}

TEST_F(OtlpProtobufTest, ARecordMayNameItself) {
  const auto with_uid = [&](const std::string& uid) {
    return stored(request_of({build([&](pbf_writer& w) {
             w.add_message(6, pair("log.record.uid", text_value(uid)));
           })}))
        .id;
  };
  const std::string uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
  EXPECT_EQ(with_uid(uuid).to_string(), uuid);
  // The same 128 bits as a ULID.
  EXPECT_EQ(with_uid("01H455VB4PEX5VSKNK084SN02Q").to_string(), uuid);
  EXPECT_EQ(with_uid("order-17"), content_id("log.record.uid", {"order-17"}));
  EXPECT_EQ(with_uid("order-17"), with_uid("order-17"));
}

TEST_F(OtlpProtobufTest, RefusesByRecordAndSinksNoOther) {
  std::string deep = text_value("x");
  for (int i = 0; i < 40; ++i) deep = array_value({deep});
  std::string many = build([](pbf_writer& w) {
    for (int i = 0; i < 257; ++i) w.add_message(6, pair("a" + std::to_string(i), text_value("")));
  });
  const ParsedRecords parsed = records(request_of({
      with_body(text_value("first")),
      build([](pbf_writer&) {}),
      with_body(text_value("\xFF")),
      with_body(deep),
      many,
      build([](pbf_writer& w) { w.add_enum(2, 25); }),
      build([](pbf_writer& w) { w.add_string(3, std::string(65, 's')); }),
      with_body(text_value(std::string(1'000'000, 'x'))),
      build([](pbf_writer& w) { w.add_message(6, pair("\xFF", text_value("x"))); }),
      with_body(text_value("last")),
  }));
  EXPECT_THAT(parsed.indices, ElementsAre(0, 9));
  std::vector<std::string> codes;
  for (const auto& error : parsed.errors) codes.push_back(error.error.code);
  EXPECT_THAT(codes, ElementsAre("missing", "invalid", "too_deep", "too_large", "invalid",
                                 "too_large", "too_large", "invalid"));
  EXPECT_EQ(stored_of(parsed)[1].body, "last");
}

TEST_F(OtlpProtobufTest, ABadResourceRefusesItsRecordsOnly) {
  const std::string resource = build([](pbf_writer& w) {
    w.add_message(1, pair("service.name", text_value(std::string(257, 's'))));
  });
  const std::string bad = build([&](pbf_writer& w) {
    w.add_message(1, resource);
    w.add_message(2, in_scope({with_body(text_value("a")), with_body(text_value("b"))}));
  });
  const ParsedRecords parsed = records(build([&](pbf_writer& w) { w.add_message(1, bad); }) +
                                       request_of({with_body(text_value("c"))}));
  EXPECT_EQ(parsed.count, 1U);
  ASSERT_EQ(parsed.errors.size(), 2U);
  EXPECT_EQ(parsed.errors[1].error.field, "service.name");
}

TEST_F(OtlpProtobufTest, NulsAreReplacedAndRepeatedKeysOverwritten) {
  const EventRecord event = stored(request_of({build([](pbf_writer& w) {
    w.add_message(5, text_value(std::string("a\0b", 3)));
    w.add_message(6, pair("k", text_value("1")));
    w.add_message(6, pair("k", text_value("2")));
  })}));
  EXPECT_EQ(event.body, "a\uFFFDb");
  EXPECT_EQ(event.attributes, R"({"k":"2"})");
}

// What the edge takes the consumer must be able to read, also where it grows on the way.
TEST_F(OtlpProtobufTest, WhatIsAtItsLimitsCanBeReadBack) {
  for (const char c : {'n', '"', '\0', '\x01'}) {
    const EventRecord event = stored(request_of({build(
        [&](pbf_writer& w) { w.add_message(6, pair(std::string(1'024, c), text_value(""))); })}));
    EXPECT_NE(event.attributes, "{}");
  }
  std::vector<std::string> pairs;
  for (int i = 0; i < 4'096; ++i) pairs.push_back(pair("n" + std::to_string(i), text_value("")));
  EXPECT_TRUE(stored(request_of({with_body(list_value(pairs))})).body_is_json);
  const std::string nuls =
      request_of({build([](pbf_writer& w) { w.add_string(12, std::string(256, '\0')); })});
  EXPECT_EQ(refused(nuls).code, "too_large");
}

TEST_F(OtlpProtobufTest, EveryCutIsMalformedOrHarmless) {
  const std::string whole = full_protobuf();
  int refused_as_a_whole = 0;
  for (std::size_t length = 1; length < whole.size(); ++length) {
    refused_as_a_whole += parse(whole.substr(0, length)).ok() ? 0 : 1;
  }
  EXPECT_EQ(refused_as_a_whole, static_cast<int>(whole.size()) - 1);
  EXPECT_EQ(parse(whole).ok(), true);
}

TEST_F(OtlpProtobufTest, TooManyRecordsAreTooLarge) {
  std::vector<std::string> all(10'000, with_body(text_value("x")));
  EXPECT_EQ(records(request_of(all)).count, 10'000U);
  all.push_back(all.front());
  EXPECT_THAT(malformed(request_of(all), "413"), HasSubstr("10000"));
}

TEST_F(OtlpProtobufTest, MutatedInputNeverMakesABrokenStoredForm) {
  Random random(5);
  const std::string seed = full_protobuf();
  int stored = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string body = seed;
    for (std::uint64_t i = 0, n = 1 + random.below(3); i < n; ++i) {
      body[random.below(body.size())] = static_cast<char>(random.below(256));
    }
    stored += count_stored(body);
  }
  EXPECT_GT(stored, 1'000);
}

TEST_F(OtlpJsonTest, OddNumbersAreKept) {
  const EventRecord event = stored(record(
      R"("attributes":[{"key":"a","value":{"doubleValue":"NaN"}},{"key":"b","value":{"doubleValue":1.50}},
         {"key":"e","value":{"doubleValue":"2.50"}},
         {"key":"c","value":{"intValue":7}},{"key":"a","value":{"stringValue":"\u0000\ud800"}}])"));
  EXPECT_EQ(event.attributes, "{\"b\":1.50,\"e\":2.50,\"c\":7,\"a\":\"\uFFFD\uFFFD\"}");
}

TEST_F(OtlpJsonTest, RefusesByRecord) {
  EXPECT_EQ(refused(record("")).code, "missing");
  EXPECT_EQ(refused(record(R"("severityNumber":25,"body":{"stringValue":"x"})")).field,
            "severity_number");
  EXPECT_EQ(refused(record(R"("timeUnixNano":"17","body":{"stringValue":"x"})")).code, "invalid");
  EXPECT_EQ(refused(record(R"("body":{"doubleValue":1e400})")).code, "invalid");
  EXPECT_EQ(refused(record(R"("body":{"bytesValue":"a b"})")).code, "invalid");
  std::string deep = R"({"stringValue":"x"})";
  for (int i = 0; i < 40; ++i) deep = R"({"arrayValue":{"values":[)" + deep + "]}}";
  EXPECT_EQ(refused(record(R"("body":)" + deep)).code, "too_deep");
}

TEST_F(OtlpJsonTest, NullMeansAbsent) {
  const EventRecord event = stored(
      R"({"resourceLogs":[{"resource":null,"scopeLogs":[{"scope":null,"logRecords":[{"traceId":null,
          "attributes":null,"body":{"stringValue":"x"},"timeUnixNano":null}]}]}],"x":null})");
  EXPECT_EQ(event.body, "x");
  EXPECT_EQ(event.timestamp_ns, kReceived);
  EXPECT_EQ(records("{}").total, 0U);
  EXPECT_EQ(records(R"({"resourceLogs":null})").total, 0U);
}

TEST_F(OtlpJsonTest, WhatIsNotOtlpIsRefusedAsAWhole) {
  for (const std::string& body :
       {std::string(""), std::string("{"), std::string("[]"), std::string("17"),
        std::string(R"({"resourceLogs":{}})"), std::string(R"({"resourceLogs":[1]})"),
        std::string(R"({"resourceLogs":[{"scopeLogs":[{"logRecords":{}}]}]})"),
        record(R"("body":"x")"), record(R"("body":{"stringValue":7})"),
        record(R"("body":{"intValue":"x"})"), record(R"("body":{"intValue":1.5})"),
        record(R"("body":{"doubleValue":"much"})"), record(R"("timeUnixNano":"-1")"),
        record(R"("timeUnixNano":"99999999999999999999")"), record(R"("traceId":7)"),
        record(R"("attributes":{"a":1})"), std::string(R"({"resourceLogs":[]}x)"),
        record(R"("body":{"stringValue":"\x"})"), record("\"body\":{\"stringValue\":\"\xFF\"}")}) {
    EXPECT_NE(malformed(body), "") << body;
  }
}

TEST_F(OtlpJsonTest, TooManyRecordsAreTooLarge) {
  std::string list = R"({"body":{"intValue":1}})";
  for (int i = 0; i < 10'000; ++i) list += R"(,{"body":{"intValue":1}})";
  EXPECT_THAT(
      malformed(R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[)" + list + "]}]}]}", "413"),
      HasSubstr("10000"));
}

TEST_F(OtlpJsonTest, MutatedInputNeverMakesABrokenStoredForm) {
  Random random(6);
  int stored = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string body = kFullJson;
    for (std::uint64_t i = 0, n = 1 + random.below(3); i < n; ++i) {
      static constexpr std::string_view kAlphabet = "{}[]\",:\\u0019eE-+. tnfa\x01\xC3\xFF";
      const std::size_t at = random.below(body.size());
      if (random.below(2) == 0) {
        body[at] = kAlphabet[random.below(kAlphabet.size())];
      } else {
        body.erase(at, 1 + random.below(8));
      }
    }
    stored += count_stored(body);
  }
  EXPECT_GT(stored, 1'000);
}

}  // namespace
}  // namespace stormlog::pipeline
