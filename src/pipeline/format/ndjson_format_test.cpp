#include "pipeline/event/identity.hpp"
#include "pipeline/format/format_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NdjsonFormatTest : public FormatTest {
 protected:
  NdjsonFormatTest() : FormatTest(ndjson_format) {}
};

TEST_F(NdjsonFormatTest, OneEventALine) {
  const auto events =
      stored_all("{\"body\":\"a\"}\n{\"body\":\"b\",\"level\":\"warn\"}\r\n{\"body\":3}");
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].body, "a");
  EXPECT_EQ(events[1].severity_number, 13);
  EXPECT_EQ(events[2].body, "3");
  EXPECT_FALSE(records("{\"body\":1}\n").single);
}

TEST_F(NdjsonFormatTest, EmptyLinesDoNotCount) {
  context_.idempotency_key = "k";
  const ParsedRecords parsed = records("\n \r\n{\"body\":1}\n\t\n\n{\"body\":2}\n\n");
  EXPECT_EQ(parsed.total, 2U);
  const auto events = stored_of(parsed);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].id, derived_id("k", 1));
}

TEST_F(NdjsonFormatTest, ABadLineIsRefusedByItsIndexAndSinksNoOther) {
  const ParsedRecords parsed = records(
      "{\"body\":1}\n{\"body\":\n{\"body\":\"\xFF\"}\n17\n[]\n{\"id\":\"x\",\"body\":1}\n"
      "{\"body\":\"open\n{\"body\":1}{\"body\":2}\n{\"body\":01}\n{\"body\":7}");
  EXPECT_EQ(parsed.total, 10U);
  EXPECT_THAT(parsed.indices, ElementsAre(0, 9));
  std::vector<std::string> codes;
  for (const auto& error : parsed.errors) codes.push_back(error.error.code);
  EXPECT_THAT(codes, ElementsAre("malformed", "malformed", "not_an_object", "not_an_object",
                                 "invalid", "malformed", "malformed", "malformed"));
  EXPECT_THAT(parsed.errors[1].error.detail, HasSubstr("UTF-8"));
  EXPECT_EQ(stored_of(parsed)[1].body, "7");
}

TEST_F(NdjsonFormatTest, NothingAtAllIsMalformed) {
  EXPECT_THAT(malformed(""), HasSubstr("empty"));
  EXPECT_THAT(malformed("\n \n"), HasSubstr("empty"));
}

TEST_F(NdjsonFormatTest, TooManyLinesAreTooLarge) {
  std::string body;
  for (int i = 0; i < 10'000; ++i) body += "{\"body\":1}\n";
  EXPECT_EQ(records(body).count, 10'000U);
  EXPECT_THAT(malformed(body + "{\"body\":1}", "413"), HasSubstr("10000"));
}

TEST_F(NdjsonFormatTest, MutatedInputNeverMakesABrokenStoredForm) {
  const std::string seed =
      "{\"body\":\"a\",\"attributes\":{\"x\":[1,2e3,null]}}\n{\"message\":{\"k\":"
      "\"\\ud83d\\ude00\"}}\n"
      "{\"body\":\"c\",\"resource\":{\"service.name\":\"s\"}}\n";
  Random random(4);
  int stored = 0;
  for (int round = 0; round < 10'000; ++round) {
    std::string body = seed;
    for (std::uint64_t i = 0, n = 1 + random.below(4); i < n; ++i) {
      static constexpr std::string_view kAlphabet = "{}[]\",:\\u0e-.\n\r tnf\x01\xC3\xFF";
      body[random.below(body.size())] = kAlphabet[random.below(kAlphabet.size())];
    }
    stored += count_stored(body);
  }
  EXPECT_GT(stored, 1'000);
}

}  // namespace
}  // namespace stormlog::pipeline
