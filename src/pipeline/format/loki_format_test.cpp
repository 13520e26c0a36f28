// Both encodings of Loki's push.
#include <protozero/pbf_writer.hpp>

#include "common/compression/compression_test_support.hpp"
#include "pipeline/format/format_test_support.hpp"
#include "pipeline/format/loki_labels.hpp"

namespace stormlog::pipeline {
namespace {

using compression::snapped;
using protozero::pbf_writer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kTime = 1'769'860'800'500'000'000;

class LokiJsonTest : public FormatTest {
 protected:
  LokiJsonTest() : FormatTest(loki_json_format) {}
  static std::string push(const std::string& labels, const std::string& values) {
    return R"({"streams":[{"stream":{)" + labels + R"(},"values":[)" + values + "]}]}";
  }
};

class LokiProtobufTest : public FormatTest {
 protected:
  LokiProtobufTest() : FormatTest(loki_protobuf_format) {}

  struct Entry {
    std::string line;
    std::int64_t seconds = 1'769'860'800;
    std::int32_t nanos = 500'000'000;
    std::vector<std::pair<std::string, std::string>> metadata = {};
  };
  static std::string stream_of(const std::string& labels, const std::vector<Entry>& entries) {
    std::string stream;
    pbf_writer writer(stream);
    for (const Entry& entry : entries) {
      std::string time;
      pbf_writer time_writer(time);
      time_writer.add_int64(1, entry.seconds);
      time_writer.add_int32(2, entry.nanos);
      std::string bytes;
      pbf_writer entry_writer(bytes);
      entry_writer.add_message(1, time);
      entry_writer.add_string(2, entry.line);
      for (const auto& [name, value] : entry.metadata) {
        std::string pair;
        pbf_writer pair_writer(pair);
        pair_writer.add_string(1, name);
        pair_writer.add_string(2, value);
        entry_writer.add_message(3, pair);
      }
      writer.add_message(2, bytes);
    }
    writer.add_string(1, labels);
    writer.add_uint64(3, 77);  // the hash that Loki's own clients add
    std::string push;
    pbf_writer(push).add_message(1, stream);
    return push;
  }
};

TEST_F(LokiJsonTest, AnEntryBecomesAnEvent) {
  const EventRecord event = stored(
      R"({"streams":[{"values":[["1769860800500000000","disk \"full\"",{"level":"warn","pod":"p1",
          "trace_id":"4BF92F3577B34DA6A3CE929D0E0E4736","span_id":"00f067aa0ba902b7"}]],
          "stream":{"job":"j","app":"shop","level":"info"}}]})");
  EXPECT_EQ(event.timestamp_ns, kTime);
  EXPECT_EQ(event.body, "disk \"full\"");
  EXPECT_EQ(event.resource, R"({"job":"j","app":"shop","level":"info"})");
  EXPECT_EQ(event.service, "shop");
  EXPECT_EQ(event.severity_text, "warn");
  EXPECT_EQ(event.severity_number, 13);
  EXPECT_EQ(event.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(event.span_id, "00f067aa0ba902b7");
  EXPECT_THAT(event.attributes, HasSubstr(R"("pod":"p1")"));
}

TEST_F(LokiProtobufTest, AnEntryBecomesAnEvent) {
  const EventRecord event = stored(snapped(stream_of(
      R"({app="shop", level="info"})",
      {{"disk \"full\"", 1'769'860'800, 500'000'000, {{"level", "warn"}, {"pod", "p1"}}}})));
  EXPECT_EQ(event.timestamp_ns, kTime);
  EXPECT_EQ(event.body, "disk \"full\"");
  EXPECT_EQ(event.resource, R"({"app":"shop","level":"info"})");
  EXPECT_EQ(event.service, "shop");
  EXPECT_EQ(event.severity_text, "warn");
  EXPECT_EQ(event.attributes, R"({"level":"warn","pod":"p1"})");
}

TEST_F(LokiJsonTest, EqualEntriesOfAStreamAreOneEvent) {
  const auto id = [&](const std::string& label, const std::string& entry) {
    return stored(push(R"("app":")" + label + '"', entry)).id;
  };
  const std::string entry = R"(["1769860800500000000","a"])";
  EXPECT_EQ(id("x", entry), id("x", entry));
  EXPECT_NE(id("x", entry), id("y", entry));
  EXPECT_NE(id("x", entry), id("x", R"(["1769860800500000001","a"])"));
  EXPECT_NE(id("x", entry), id("x", R"(["1769860800500000000","b"])"));
  EXPECT_NE(id("x", entry), id("x", R"(["1769860800500000000","a",{"k":"v"}])"));
  // Clients rely on it across versions.
  EXPECT_EQ(id("x", entry).to_string(), "a9139522-229f-8de1-b9f2-302edb08f906");
}

TEST_F(LokiJsonTest, TheServiceIsTheLabelThatLokiWouldTake) {
  const auto service = [&](const std::string& labels) {
    return stored(push(labels, R"(["1769860800500000000","a"])")).service;
  };
  EXPECT_EQ(service(R"("job":"j","service_name":"s","app":"a")"), "s");
  EXPECT_EQ(service(R"("job":"j","container":"c")"), "c");
  EXPECT_EQ(service(R"("host":"h")"), "");
}

TEST_F(LokiProtobufTest, ALevelThatIsNoneStaysALabel) {
  const EventRecord event = stored(snapped(stream_of(
      R"({level="\x00"})", {{"a", 1'769'860'800, 0, {{"level", std::string(64, '\0')}}}})));
  EXPECT_EQ(event.severity_text, "");
}

TEST_F(LokiJsonTest, RefusesByEntryAndSinksNoOther) {
  const ParsedRecords parsed =
      records(push(R"("app":"x")",
                   R"(["1769860800500000000","a"],["17","b"],["now","c"],["0","d"],["-1","e"],
              ["99999999999999999999","f"],["1769860800500000000",""],["1769860800500000000",")" +
                       std::string(1'000'000, 'x') + R"("])"));
  EXPECT_THAT(parsed.indices, ElementsAre(0, 6));
  EXPECT_EQ(parsed.errors.size(), 6U);
  EXPECT_EQ(parsed.errors[1].error.code, "invalid");
  EXPECT_EQ(parsed.errors[5].error.code, "too_large");
}

TEST_F(LokiJsonTest, ABadStreamRefusesItsEntriesOnly) {
  const std::string good = R"({"stream":{"app":"x"},"values":[["1769860800500000000","a"]]})";
  const std::string bad = R"({"stream":{"app":")" + std::string(257, 'x') +
                          R"("},"values":[["1769860800500000000","a"]]})";
  const ParsedRecords parsed = records(R"({"streams":[)" + bad + "," + good + "]}");
  EXPECT_THAT(parsed.indices, ElementsAre(1));
  EXPECT_EQ(parsed.errors[0].error.field, "app");
}

TEST_F(LokiJsonTest, WhatIsNoPushIsRefusedAsAWhole) {
  for (const std::string& body :
       {std::string(""), std::string("{"), std::string("[]"), std::string(R"({"streams":{}})"),
        std::string(R"({"streams":[1]})"), std::string(R"({"streams":[{"values":{}}]})"),
        push("", R"({"a":1})"), push("", R"(["1769860800500000000"])"),
        push("", R"([1769860800500000000,"a"])"), push("", R"(["1769860800500000000",1])"),
        push("", R"(["1769860800500000000","a",{},{}])"),
        push("", R"(["1769860800500000000","a",{"k":1}])"),
        push(R"("app":1)", R"(["1769860800500000000","a"])"), push("", "") + "x",
        push("", "[\"1769860800500000000\",\"\xFF\"]")}) {
    EXPECT_NE(malformed(body), "") << body;
  }
  EXPECT_EQ(records("{}").total, 0U);
}

TEST_F(LokiJsonTest, TooManyEntriesAreTooLarge) {
  std::string values = R"(["1769860800500000000","a"])";
  for (int i = 0; i < 10'000; ++i) values += R"(,["1769860800500000000","a"])";
  EXPECT_THAT(malformed(push("", values), "413"), HasSubstr("10000"));
}

TEST_F(LokiProtobufTest, RefusesByEntry) {
  const ParsedRecords parsed = records(snapped(stream_of(R"({app="x"})", {{"a"},
                                                                          {"b", -1},
                                                                          {"c", 1, 1'000'000'000},
                                                                          {"d", 99'999'999'999},
                                                                          {"e", 17},
                                                                          {"\xFF"},
                                                                          {"last"}})));
  EXPECT_THAT(parsed.indices, ElementsAre(0, 6));
  for (const auto& error : parsed.errors) EXPECT_EQ(error.error.code, "invalid");
}

TEST_F(LokiProtobufTest, BadLabelsRefuseTheStreamOnly) {
  const ParsedRecords parsed =
      records(snapped(stream_of(R"({app=x})", {{"a"}}) + stream_of("{}", {{"b"}})));
  EXPECT_THAT(parsed.indices, ElementsAre(1));
  EXPECT_EQ(parsed.errors[0].error.field, "labels");
}

TEST_F(LokiProtobufTest, BytesThatAreNotSnappyOrNotProtobufAreMalformed) {
  EXPECT_THAT(malformed("\xFF\xFF\xFF"), HasSubstr("snappy"));
  const std::string push = stream_of("{}", {{"a"}});
  EXPECT_THAT(malformed(snapped(push.substr(0, push.size() - 1))), HasSubstr("protobuf"));
  context_.max_body_bytes = 1'000;
  EXPECT_THAT(malformed(snapped(std::string(1'001, '\0')), "413"), HasSubstr("1000"));
}

TEST_F(LokiProtobufTest, MutatedInputNeverMakesABrokenStoredForm) {
  Random random(7);
  const std::string seed = stream_of(R"({app="shop", env="p\x41"})",
                                     {{"a", 1'769'860'800, 1, {{"k", "v"}}}, {"b"}, {"c"}});
  int stored = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string body = seed;
    for (std::uint64_t i = 0, n = 1 + random.below(3); i < n; ++i) {
      body[random.below(body.size())] = static_cast<char>(random.below(256));
    }
    stored += count_stored(snapped(body));
  }
  EXPECT_GT(stored, 1'000);
}

TEST_F(LokiJsonTest, MutatedInputNeverMakesABrokenStoredForm) {
  Random random(8);
  const std::string seed =
      push(R"("app":"s\u0041","b":"c")",
           R"(["1769860800500000000","a",{"k":"\ud83d\ude00"}],["1769860800500000001","b"])");
  int stored = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string body = seed;
    for (std::uint64_t i = 0, n = 1 + random.below(3); i < n; ++i) {
      static constexpr std::string_view kAlphabet = "{}[]\",:\\u0019-+. tn\x01\xC3\xFF";
      body[random.below(body.size())] = kAlphabet[random.below(kAlphabet.size())];
    }
    stored += count_stored(body);
  }
  EXPECT_GT(stored, 1'000);
}

TEST(LokiLabels, AreReadAsGoQuotesThem) {
  const auto read = [](const std::string& text) {
    std::string found;
    const auto parsed =
        parse_loki_labels(text, [&](std::string_view name, const std::string& value) {
          found += std::string(name) + "=" + value + ";";
        });
    return parsed.ok() ? found : "refused";
  };
  EXPECT_EQ(read("{}"), "");
  EXPECT_EQ(read(R"({a="b"})"), "a=b;");
  EXPECT_EQ(read(R"( { a = "b" , c_1="d", } )"), "a=b;c_1=d;");
  EXPECT_EQ(read(R"({a="x\"y\\z\n\t\x41\u00e9\U0001F600\101"})"),
            "a=x\"y\\z\n\tA\xC3\xA9\xF0\x9F\x98\x80"
            "A;");
  EXPECT_EQ(read("{a=`raw\\n`}"), "a=raw\\n;");
  for (const char* bad :
       {"", "{", "}", "{a}", "{a=}", "{a=b}", R"({a="b)", R"({a="b"} x)", R"({a="b" c="d"})",
        R"({,a="b"})", R"({="b"})", R"({a="\q"})", R"({a="\x4"})", R"({a="\ud800"})",
        R"({a="\U00110000"})", "{a=`b}", R"({a="b",,})", R"({a="\999"})"}) {
    EXPECT_EQ(read(bad), "refused") << bad;
  }
}

}  // namespace
}  // namespace stormlog::pipeline
