#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/document/node.hpp"

namespace stormlog::document {
namespace {

using testing::HasSubstr;

const Variables kVariables{{"gateway", "http://g"}, {"home", "/h"}, {"empty", ""}};

std::string replaced(std::string_view text) {
  auto result = substitute(text, kVariables);
  return result.ok() ? *result : "error: " + result.error().message;
}

TEST(Substitute, ReplacesNames) {
  EXPECT_EQ(replaced("${gateway}/x/${home}"), "http://g/x//h");
  EXPECT_EQ(replaced("no $name, 5$ and $"), "no $name, 5$ and $");
}

TEST(Substitute, EscapeStandsForItself) {
  EXPECT_EQ(replaced("$${home}"), "${home}");
}

TEST(Substitute, DefaultsForUnknownAndEmpty) {
  EXPECT_EQ(replaced("${port:-80}"), "80");
  EXPECT_EQ(replaced("${empty:-x}"), "x");
  EXPECT_EQ(replaced("${empty}"), "");
  EXPECT_EQ(replaced("${port:-}"), "");
}

TEST(Substitute, UnknownNameSuggests) {
  EXPECT_THAT(replaced("${gatewya}"), HasSubstr("did you mean \"gateway\""));
}

TEST(Substitute, MissingBraceIsAnError) {
  EXPECT_THAT(replaced("${home"), HasSubstr("without \"}\""));
}

TEST(Substitute, ReadsTheEnvironment) {
  ::setenv("STORMLOG_TEST_VALUE", "v", 1);
  EXPECT_EQ(replaced("${env.STORMLOG_TEST_VALUE}"), "v");
  ::unsetenv("STORMLOG_TEST_VALUE");
  EXPECT_THAT(replaced("${env.STORMLOG_TEST_VALUE}"), HasSubstr("not set"));
  EXPECT_EQ(replaced("${env.STORMLOG_TEST_VALUE:-d}"), "d");
}

TEST(Substitute, TreeReportsEachPlaceAndKeepsWhatIsForLater) {
  auto root = parse_yaml("a: ${id} ${home} $${x}\nb:\n  - ${nope}\n  - ${neither}\n", "s.yaml");
  ASSERT_TRUE(root.ok());
  Diagnostics diagnostics;
  substitute(*root, kVariables, diagnostics, {"id"});
  EXPECT_EQ(root->find("a")->scalar, "${id} /h $${x}");
  ASSERT_EQ(diagnostics.messages().size(), 2U);
  EXPECT_THAT(diagnostics.messages()[0], HasSubstr("s.yaml:3: unknown variable \"${nope}\""));
  EXPECT_THAT(diagnostics.messages()[1], HasSubstr("s.yaml:4"));
}

}  // namespace
}  // namespace stormlog::document
