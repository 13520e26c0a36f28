#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chaos/ledger/json_fields.hpp"
#include "chaos/ledger/ledger.hpp"
#include "chaos/ledger/run_mark.hpp"

namespace stormlog::chaos {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(RunMark, RefusesWhatCouldEndALiteral) {
  EXPECT_TRUE(check_run_mark("20260131T120000Z-producer_kill.2"));
  for (const char* mark : {"", "a'b", "a b", "a\"b", "a;b", "ä", "a\nb", "a*"}) {
    EXPECT_FALSE(check_run_mark(mark)) << mark;
  }
  EXPECT_TRUE(check_run_mark(std::string(128, 'a')));
  EXPECT_FALSE(check_run_mark(std::string(129, 'a')));
}

TEST(RunMark, IsPutInEachPlace) {
  EXPECT_EQ(with_run("a '${run}' b ${run}", "r1"), "a 'r1' b r1");
  EXPECT_EQ(with_run("none", "r1"), "none");
  EXPECT_TRUE(asks_for_run("x ${run}"));
  EXPECT_FALSE(asks_for_run("x $run"));
}

TEST(JsonFields, FindsTextsAndNumbers) {
  JsonFields fields;
  ASSERT_TRUE(fields.parse(R"({"id":"a","n":{"seq":7,"low":-1},"list":[1]})"));
  EXPECT_EQ(fields.text("/id"), "a");
  EXPECT_EQ(fields.text("/n/seq"), "7");
  EXPECT_EQ(fields.text("/n/low"), "-1");
  EXPECT_EQ(fields.text("/list/0"), "1");
  EXPECT_FALSE(fields.text("/none"));
  EXPECT_FALSE(fields.text("/n"));
  EXPECT_FALSE(fields.text("/id/deeper"));
  EXPECT_FALSE(fields.parse("no json"));
  EXPECT_FALSE(fields.text("/id"));
  ASSERT_TRUE(fields.parse("5"));
  EXPECT_FALSE(fields.text("/id"));
}

TEST(ParseSeq, TakesWholeNumbersAlone) {
  EXPECT_EQ(parse_seq("12"), 12U);
  for (const char* text : {"", "-1", "1.5", "12x", " 1", "99999999999999999999"}) {
    EXPECT_FALSE(parse_seq(text)) << text;
  }
}

std::string error_of(const SinkSpec& spec) {
  const Result<std::unique_ptr<Sink>> sink = make_sink(spec);
  return sink.ok() ? std::string("made") : sink.error().message;
}

TEST(MakeSink, RefusesFieldsThatItCannotRead) {
  SinkSpec spec;
  spec.name = "t";
  spec.kind = SinkSpec::Kind::kafka;
  spec.id_field = "id";
  EXPECT_THAT(error_of(spec), HasSubstr("JSON pointer such as /id, or header:NAME"));
  spec.id_field = "header:id";
  EXPECT_EQ(error_of(spec), "made");
  spec.seq_field = "seq";
  EXPECT_THAT(error_of(spec), HasSubstr("sink t: \"seq\""));

  spec = {};
  spec.name = "c";
  spec.kind = SinkSpec::Kind::redis_keys;
  EXPECT_THAT(error_of(spec), HasSubstr("is no JSON pointer"));
}

TEST(MakeSink, WhatRefusesConnectionsCannotBeRead) {
  const LedgerHeader run{"run-1", 1, WallTime{}, ""};
  const auto ignore = [](SinkEvent&&) {};
  SinkSpec spec;
  spec.kind = SinkSpec::Kind::redis_stream;
  spec.id_field = "id";
  spec.connection = "redis://127.0.0.1:1/0";
  EXPECT_THAT((*make_sink(spec))->read(run, ignore).error().message,
              AllOf(HasSubstr("127.0.0.1:1"), HasSubstr("Connection refused")));
  spec.connection = "rediss://u:secret@host/0";
  const std::string message = (*make_sink(spec))->read(run, ignore).error().message;
  EXPECT_THAT(message, HasSubstr("TLS"));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("secret")));

  spec.kind = SinkSpec::Kind::sql;
  spec.connection = "host=127.0.0.1 port=1";
  spec.query = "SELECT '${run}'";
  EXPECT_THAT((*make_sink(spec))->read(run, ignore).error().message,
              HasSubstr("Connection refused"));
  // A mark that could leave its literal never reaches a server.
  const LedgerHeader evil{"x'; DROP TABLE logs; --", 1, WallTime{}, ""};
  EXPECT_THAT((*make_sink(spec))->read(evil, ignore).error().message,
              HasSubstr("cannot mark a run"));
}

}  // namespace
}  // namespace stormlog::chaos
