#include "common/document/params.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace stormlog::document {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using namespace std::chrono_literals;

std::vector<ParamSpec> specs() {
  return {
      {.name = "within",
       .type = ParamType::duration,
       .default_text = "30s",
       .description = "Limit.",
       .min = 0.1,
       .max = 3600},
      {.name = "name", .type = ParamType::text, .required = true, .description = "Who."},
      {.name = "count", .type = ParamType::integer, .description = "N.", .min = 1, .max = 9},
      {.name = "share", .type = ParamType::number, .description = "Share.", .min = 0, .max = 1},
      {.name = "force",
       .type = ParamType::boolean,
       .default_text = "false",
       .description = "Forced."},
      {.name = "size", .type = ParamType::bytes, .description = "Size."},
      {.name = "rate", .type = ParamType::rate, .description = "Rate."},
      {.name = "codes",
       .type = ParamType::text_list,
       .default_text = "a,b",
       .description = "Codes."},
      {.name = "fields", .type = ParamType::text_map, .description = "Header fields."},
      {.name = "more", .type = ParamType::node, .description = "Anything."},
      {.name = "mode", .type = ParamType::text, .description = "How.", .choices = {"fast", "slow"}},
  };
}

struct Parsed {
  Params params;
  Diagnostics diagnostics;
};

Parsed parse(const std::string& text) {
  Parsed parsed;
  auto root = parse_yaml(text, "e.yaml");
  EXPECT_TRUE(root.ok());
  if (root.ok()) {
    parsed.params = parse_params(*root, specs(), {"at"}, "fault \"x\"", parsed.diagnostics);
  }
  return parsed;
}

TEST(Params, ReadsEachType) {
  const auto [params, diagnostics] = parse(
      "{name: n, within: 1m30s, count: 3, share: 0.5, force: yes, size: 10MB, rate: 120/m,"
      " codes: [x, 5], fields: {b: text, a: 5, c: }, more: {a: 1}, mode: fast, at: 3s}");
  EXPECT_EQ(diagnostics.text(), "");
  EXPECT_EQ(params.text("name"), "n");
  EXPECT_EQ(params.duration("within"), 90s);
  EXPECT_EQ(params.integer("count"), 3);
  EXPECT_DOUBLE_EQ(params.number("share"), 0.5);
  EXPECT_TRUE(params.boolean("force"));
  EXPECT_EQ(params.bytes("size"), 10'000'000U);
  EXPECT_DOUBLE_EQ(params.rate("rate"), 2.0);
  EXPECT_THAT(params.text_list("codes"), ElementsAre("x", "5"));
  EXPECT_THAT(params.text_map("fields"),
              ElementsAre(Pair("b", "text"), Pair("a", "5"), Pair("c", "")));
  EXPECT_EQ(params.node("more").find("a")->scalar, "1");
  EXPECT_EQ(params.text("mode"), "fast");
}

TEST(Params, DefaultsAndAbsence) {
  const auto [params, diagnostics] = parse("{name: n}");
  EXPECT_TRUE(diagnostics.ok());
  EXPECT_EQ(params.duration("within"), 30s);
  EXPECT_FALSE(params.boolean("force"));
  EXPECT_THAT(params.text_list("codes"), ElementsAre("a", "b"));
  EXPECT_FALSE(params.has("count"));
  EXPECT_THROW(static_cast<void>(params.integer("count")), std::logic_error);
  EXPECT_THROW(static_cast<void>(params.integer("name")), std::logic_error);
}

TEST(Params, EveryMistakeIsReportedWithItsLine) {
  const auto parsed =
      parse("nane: n\nwithin: 30\ncount: 12\nforce: maybe\nmode: fats\nsize: [1]\nshare: 2\n");
  const auto& messages = parsed.diagnostics.messages();
  EXPECT_THAT(
      messages,
      testing::UnorderedElementsAre(
          AllOf(HasSubstr("e.yaml:1: fault \"x\": unknown key \"nane\""), HasSubstr("\"name\"")),
          AllOf(HasSubstr("e.yaml:2"), HasSubstr("\"within\"")), AllOf(HasSubstr("needs \"name\"")),
          AllOf(HasSubstr("e.yaml:3"), HasSubstr("must be 1 to 9")),
          AllOf(HasSubstr("e.yaml:4"), HasSubstr("true or false")),
          AllOf(HasSubstr("e.yaml:5"), HasSubstr("did you mean \"fast\"")),
          AllOf(HasSubstr("e.yaml:6"), HasSubstr("size in bytes"), HasSubstr("a list")),
          AllOf(HasSubstr("e.yaml:7"), HasSubstr("must be 0 to 1"))));
}

TEST(Params, AMapOfTextsHasTextsAlone) {
  EXPECT_THAT(
      parse("name: n\nfields: [a]\n").diagnostics.text(),
      HasSubstr(
          "e.yaml:2: fault \"x\": \"fields\": must be a map of names to texts, this is a list"));
  EXPECT_THAT(parse("name: n\nfields: {a: x, b: {c: d}}\n").diagnostics.text(),
              HasSubstr("\"fields\": must be a map of names to texts, of \"b\" it is a map"));
}

TEST(Params, BoundsOfDurationsAreWrittenAsDurations) {
  const auto parsed = parse("{name: n, within: 1ms}");
  EXPECT_THAT(parsed.diagnostics.text(), HasSubstr("must be 100ms to "));
}

TEST(Params, JsonIsWhatWasWritten) {
  const auto [params, diagnostics] = parse("{name: \"5\", within: 1m30s, count: 3, codes: [a]}");
  EXPECT_TRUE(diagnostics.ok());
  EXPECT_EQ(params.to_json().dump(), R"({"codes":["a"],"count":3,"name":"5","within":"1m30s"})");
}

TEST(Params, EmptyValueIsAnError) {
  EXPECT_THAT(parse("{name: }").diagnostics.text(), HasSubstr("\"name\": has no value"));
}

TEST(Params, FromACommandLine) {
  const auto params =
      parse_params({"name=a=b", "codes=x,y", "fields={a: b}", "more={a: [1]}", "within=5s"},
                   specs(), "fault \"x\"");
  ASSERT_TRUE(params.ok());
  EXPECT_EQ(params->text("name"), "a=b");
  EXPECT_THAT(params->text_list("codes"), ElementsAre("x", "y"));
  EXPECT_THAT(params->text_map("fields"), ElementsAre(Pair("a", "b")));
  EXPECT_EQ(params->node("more").find("a")->items.size(), 1U);
  EXPECT_EQ(params->duration("within"), 5s);
}

TEST(Params, CommandLineMistakes) {
  const auto params =
      parse_params({"name", "cuont=1", "rate=5", "mode=fast", "mode=slow"}, specs(), "fault \"x\"");
  ASSERT_FALSE(params.ok());
  EXPECT_THAT(params.error().message, HasSubstr("\"name\" is not key=value"));
  EXPECT_THAT(params.error().message, HasSubstr("did you mean \"count\""));
  EXPECT_THAT(params.error().message, HasSubstr("\"rate\": "));
  EXPECT_THAT(params.error().message, HasSubstr("\"mode\" is given twice"));
}

}  // namespace
}  // namespace stormlog::document
