#include "chaos/probe/selector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/telemetry/exposition.hpp"

namespace stormlog::chaos {
namespace {

using testing::HasSubstr;

constexpr const char* kPage = R"(# TYPE lag gauge
lag{topic="logs",partition="0"} 4
lag{topic="logs",partition="1"} 6
lag{topic="dlq",partition="0"} 100
up 1
broken NaN
)";

std::vector<telemetry::Sample> page() {
  std::string problem;
  auto samples = telemetry::parse_exposition(kPage, &problem);
  if (!problem.empty()) throw std::invalid_argument(problem);
  return samples;
}

struct Case {
  const char* query;
  double value;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.query;
}

class SelectorTable : public testing::TestWithParam<Case> {};

TEST_P(SelectorTable, GivesOneValue) {
  const auto selector = Selector::parse(GetParam().query);
  ASSERT_TRUE(selector.ok()) << selector.error().message;
  const auto value = selector->evaluate(page());
  ASSERT_TRUE(value.ok()) << value.error().message;
  EXPECT_DOUBLE_EQ(*value, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    table, SelectorTable,
    testing::Values(Case{"up", 1}, Case{"sum(lag)", 110}, Case{"max(lag)", 100},
                    Case{"min(lag)", 4}, Case{"count(lag)", 3}, Case{"avg(lag{topic=\"logs\"})", 5},
                    Case{"sum(lag{topic!=\"logs\"})", 100},
                    Case{"lag{topic=\"logs\",partition=\"1\"}", 6},
                    Case{" sum ( lag { topic = \"logs\" , } ) ", 10},
                    // As in PromQL, a label that is absent equals the empty one.
                    Case{"sum(lag{host=\"\"})", 110}, Case{"count(up{host!=\"a\"})", 1}));

struct Mistake {
  const char* query;
  const char* message;
};

void PrintTo(const Mistake& one, std::ostream* out) {
  *out << one.query;
}

class SelectorMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(SelectorMistakes, SayWhatAPageCanAnswer) {
  const auto selector = Selector::parse(GetParam().query);
  ASSERT_FALSE(selector.ok());
  EXPECT_THAT(selector.error().message, HasSubstr(GetParam().message));
  EXPECT_THAT(selector.error().message, HasSubstr("needs a Prometheus server"));
}

INSTANTIATE_TEST_SUITE_P(table, SelectorMistakes,
                         testing::Values(Mistake{"", "name is missing"},
                                         Mistake{"sum()", "name is missing"},
                                         Mistake{"sum(lag", "\")\" is missing"},
                                         Mistake{"rate(lag[5m])", "not understood"},
                                         Mistake{"lag > 5", "not understood"},
                                         Mistake{"lag{topic=logs}", "double quotes"},
                                         Mistake{"lag{topic=~\"l.*\"}", "double quotes"},
                                         Mistake{"lag{topic}", "expected = or !="},
                                         Mistake{"lag{topic=\"logs\"", "label's name"}));

TEST(Selector, GivesNothingWhereItIsNotClearWhatIsMeant) {
  const auto several = Selector::parse("lag")->evaluate(page());
  ASSERT_FALSE(several.ok());
  EXPECT_THAT(several.error().message, HasSubstr("3 series match lag: aggregate them"));
  const auto none = Selector::parse("sum(lags)")->evaluate(page());
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, HasSubstr("no sample matches lags"));
}

}  // namespace
}  // namespace stormlog::chaos
