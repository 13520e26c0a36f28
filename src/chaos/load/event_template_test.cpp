#include "chaos/load/event_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::chaos {
namespace {

using ::testing::HasSubstr;

const LedgerEvent kEvent{*Uuid::parse("0190a000-0000-7000-8000-0000000000ab"), 7, 42};
const WallTime kTime{std::chrono::milliseconds{1'700'000'000'123}};

std::string render(const std::string& text, std::uint64_t bytes = 0) {
  Result<EventTemplate> compiled = EventTemplate::compile(text, "run-1", bytes);
  EXPECT_TRUE(compiled.ok()) << compiled.error().message;
  std::string out = "<";
  compiled->render(kEvent, kTime, out);
  return out.substr(1);
}

TEST(EventTemplate, PutsEachValueInItsPlace) {
  EXPECT_EQ(render("${id}|${key}|${seq}|${run}|${time}|${unix_ms}|${pad}|end"),
            "0190a000-0000-7000-8000-0000000000ab|k7|42|run-1|2023-11-14T22:13:20.123Z|"
            "1700000000123||end");
}

TEST(EventTemplate, WritesTheTimeAnewWhenItMoves) {
  Result<EventTemplate> compiled = EventTemplate::compile("${id}${unix_ms}", "r", 0);
  ASSERT_TRUE(compiled.ok());
  std::string first;
  std::string second;
  compiled->render(kEvent, kTime, first);
  compiled->render(kEvent, kTime + std::chrono::milliseconds{1}, second);
  EXPECT_THAT(first, HasSubstr("1700000000123"));
  EXPECT_THAT(second, HasSubstr("1700000000124"));
}

TEST(EventTemplate, PadsToTheExactSizeAndNeverCuts) {
  EXPECT_EQ(render("{${id} ${pad} ${seq}}", 100).size(), 100U);
  EXPECT_EQ(render("{${id} ${pad} ${pad}}", 100).size(), 100U);
  EXPECT_EQ(render("${id}${pad}", 10), kEvent.id.to_string());
}

TEST(EventTemplate, DropsTheNewlineAtTheEndOfAYamlBlock) {
  EXPECT_EQ(render("${id}\n"), kEvent.id.to_string());
}

TEST(EventTemplate, RefusesWhatItDoesNotKnow) {
  const auto error = [](const std::string& text, const std::string& run, std::uint64_t bytes) {
    const Result<EventTemplate> compiled = EventTemplate::compile(text, run, bytes);
    return compiled.ok() ? std::string("accepted") : compiled.error().message;
  };
  EXPECT_THAT(error("${id} ${sek}", "r", 0), HasSubstr("did you mean \"seq\""));
  EXPECT_THAT(error("${id", "r", 0), HasSubstr("without its \"}\""));
  EXPECT_THAT(error("{}", "r", 0), HasSubstr("no ${id}"));
  EXPECT_THAT(error("${id}", "r", 10), HasSubstr("needs a ${pad}"));
  EXPECT_THAT(error("${id}", "x' OR 1=1", 0), HasSubstr("cannot mark a run"));
  EXPECT_THAT(error("${id}", "", 0), HasSubstr("cannot mark a run"));
}

}  // namespace
}  // namespace stormlog::chaos
