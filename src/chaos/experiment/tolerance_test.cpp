#include "chaos/experiment/tolerance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

Tolerance parse(const std::string& text, document::Diagnostics& diagnostics) {
  const auto node = document::parse_yaml(text, "e.yaml");
  if (!node.ok()) throw std::invalid_argument(node.error().message);
  return Tolerance::parse(*node, diagnostics);
}

struct Case {
  const char* expect;
  const char* value;
  bool holds;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.expect << " of " << one.value;
}

class ToleranceTable : public testing::TestWithParam<Case> {};

TEST_P(ToleranceTable, holds) {
  document::Diagnostics diagnostics;
  const Tolerance tolerance = parse(GetParam().expect, diagnostics);
  ASSERT_TRUE(diagnostics.ok()) << diagnostics.text();
  EXPECT_EQ(tolerance.holds(Json::parse(GetParam().value)), GetParam().holds)
      << tolerance.seen(Json::parse(GetParam().value));
}

INSTANTIATE_TEST_SUITE_P(
    table, ToleranceTable,
    testing::Values(
        Case{"{max: 5000}", R"({"value":5000})", true},
        Case{"{max: 5000}", R"({"value":5000.1})", false},
        Case{"{min: 1, max: 10}", R"({"value":0})", false},
        Case{"{min: 1, max: 10}", R"({"value":1})", true},
        Case{"{max: 250ms}", R"({"value":0.3})", false},
        Case{"{max: 250ms}", R"({"value":0.2})", true},
        Case{"{equals: 3}", R"({"value":3.0})", true},
        Case{"{equals: 3}", R"({"value":"3"})", false},
        Case{"{equals: \"3\"}", R"({"value":"3"})", true},
        Case{"{max: 5}", R"({"value":"4"})", false},  // text is no number
        Case{"{max: 5}", R"({"rows":0})", false},     // what is absent does not hold
        Case{"{max: 5}", R"({"value":null})", false},
        Case{"{status: 200}", R"({"status":200})", true},
        Case{"{status: [200, 204]}", R"({"status":204})", true},
        Case{"{status: [200, 204]}", R"({"status":503})", false},
        Case{"{status: {min: 200, max: 299}}", R"({"status":302})", false},
        Case{"{status: 200, max: 1}", R"({"status":200,"value":2})", false},  // all must hold
        Case{"{running: true}", R"({"running":true})", true},
        Case{"{running: true}", R"({"running":"true"})", false},
        Case{"{rows: {min: 1}}", R"({"value":"a","rows":2})", true},
        Case{"{state: running}", R"({"state":"stopped"})", false},
        Case{"{body: {contains: UP}}", R"({"body":"it is UP"})", true},
        Case{"{body: {contains: UP}}", R"({"body":"down"})", false},
        Case{"{body: {matches: '^a+$'}}", R"({"body":"aaa"})", true},
        Case{"{body: {matches: '^a+$'}}", R"({"body":"aab"})", false},
        Case{"{json: {/status: UP}}", R"({"body":"{\"status\":\"UP\"}"})", true},
        Case{"{json: {/status: UP}}", R"({"body":"{\"status\":\"DOWN\"}"})", false},
        Case{"{json: {/status: UP}}", R"({"body":"not json"})", false},
        Case{"{json: {/a/0/lag: {max: 5}}}", R"({"body":"{\"a\":[{\"lag\":4}]}"})", true},
        Case{"{json: {/a/0/lag: {max: 5}}}", R"({"body":"{\"a\":[]}"})", false}));

TEST(Tolerance, HoldsNothingOfNotANumber) {
  document::Diagnostics diagnostics;
  const Json nan = {{"value", std::numeric_limits<double>::quiet_NaN()}};
  EXPECT_FALSE(parse("{max: 5}", diagnostics).holds(nan));
  EXPECT_FALSE(parse("{min: 5}", diagnostics).holds(nan));
}

TEST(Tolerance, TellsWhatItSawAndWhatWasWritten) {
  document::Diagnostics diagnostics;
  const Tolerance tolerance = parse("{status: [200, 204], body: {contains: x}}", diagnostics);
  EXPECT_EQ(tolerance.seen({{"status", 503}, {"body", "no"}}), "status 503, body no");
  EXPECT_EQ(tolerance.seen({{"status", 503}}), "status 503, body absent");
  EXPECT_EQ(tolerance.text(), "{status: [200, 204], body: {contains: x}}");
}

struct Mistake {
  const char* expect;
  const char* message;
};

void PrintTo(const Mistake& one, std::ostream* out) {
  *out << one.expect;
}

class ToleranceMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(ToleranceMistakes, AreToldWithTheirLine) {
  document::Diagnostics diagnostics;
  parse(GetParam().expect, diagnostics);
  EXPECT_THAT(diagnostics.text(), testing::HasSubstr("e.yaml:1"));
  EXPECT_THAT(diagnostics.text(), testing::HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    table, ToleranceMistakes,
    testing::Values(Mistake{"5", "expect must be a map"}, Mistake{"{}", "expect is empty"},
                    Mistake{"{statu: 200}", "did you mean \"status\""},
                    Mistake{"{body: {contain: x}}", "did you mean \"contains\""},
                    Mistake{"{max: many}", "expected a number or a duration, not \"many\""},
                    Mistake{"{body: {matches: '('}}", "not a regular expression"},
                    Mistake{"{json: {status: UP}}", "must begin with \"/\""},
                    Mistake{"{json: 5}", "json expects a map"},
                    Mistake{"{json: {/a~2: 5}}", "RFC 6901"},
                    Mistake{"{status: []}", "an empty list can never hold"},
                    Mistake{"{status: {}}", "an empty condition"},
                    Mistake{"{one_of: 5}", "one_of expects a list"}));

}  // namespace
}  // namespace stormlog::chaos
