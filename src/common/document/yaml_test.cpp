#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/document/json.hpp"
#include "common/document/node.hpp"

namespace stormlog::document {
namespace {

using testing::HasSubstr;

Node parsed(const std::string& text) {
  auto node = parse_yaml(text, "a.yaml");
  EXPECT_TRUE(node.ok()) << (node.ok() ? "" : node.error().message);
  return node.ok() ? *node : Node{};
}

std::string error_of(const std::string& text) {
  const auto node = parse_yaml(text, "a.yaml");
  return node.ok() ? "" : node.error().message;
}

TEST(Yaml, KeepsOrderLinesAndQuotes) {
  const Node root = parsed("b: 1\na:\n  - \"5\"\n  - 5\n  - ~\nc: {x: y}\n");
  ASSERT_EQ(root.entries.size(), 3U);
  EXPECT_EQ(root.entries[0].key.scalar, "b");
  EXPECT_EQ(root.entries[1].key.place(), "a.yaml:2");
  const Node* list = root.find("a");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 3U);
  EXPECT_TRUE(list->items[0].quoted);
  EXPECT_FALSE(list->items[1].quoted);
  EXPECT_EQ(list->items[1].place(), "a.yaml:4");
  EXPECT_TRUE(list->items[2].is_null());
  EXPECT_EQ(root.find("c")->find("x")->scalar, "y");
  EXPECT_EQ(root.find("nothing"), nullptr);
}

TEST(Yaml, BlockScalarsAreText) {
  const Node root = parsed("event: |\n  {\"a\":1}\n  x\nfolded: >-\n  a\n  b\n");
  EXPECT_EQ(root.find("event")->scalar, "{\"a\":1}\nx\n");
  EXPECT_TRUE(root.find("event")->quoted);
  EXPECT_EQ(root.find("folded")->scalar, "a b");
}

TEST(Yaml, EmptyDocumentIsNothing) {
  EXPECT_TRUE(parsed("# only a comment\n").is_null());
}

TEST(Yaml, DuplicateKeyNamesBothLines) {
  EXPECT_EQ(error_of("a: 1\nb: 2\na: 3\n"), "a.yaml:3: \"a\" is already given in line 1");
}

TEST(Yaml, SecondDocumentIsAnError) {
  EXPECT_THAT(error_of("a: 1\n---\nb: 2\n"), HasSubstr("a second document"));
  EXPECT_EQ(error_of("---\na: 1\n"), "");
}

TEST(Yaml, SyntaxErrorsHaveALine) {
  EXPECT_THAT(error_of("a: 1\nb: [1, 2\n"), HasSubstr("a.yaml:"));
  EXPECT_THAT(error_of("a:\n\t- x\n"), HasSubstr("a.yaml:2"));
}

TEST(Yaml, MergeKeysAreResolvedAndOwnKeysWin) {
  const Node root =
      parsed("base: &b {x: 1, y: 2}\nmore: &m {y: 7, z: 3}\nuse:\n  <<: [*b, *m]\n  x: 9\n");
  EXPECT_EQ(to_json(*root.find("use")).dump(), R"({"x":9,"y":2,"z":3})");
}

TEST(Yaml, AliasesAreCopiesAtTheirOwnLine) {
  const Node root = parsed("a: &x [1]\nb: *x\n");
  EXPECT_EQ(root.find("b")->items.at(0).scalar, "1");
  EXPECT_EQ(root.find("b")->line, 2);
}

TEST(Yaml, AnExplodingDocumentIsRefused) {
  std::string text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) text += (j == 0 ? "" : ", ") + before;
    text += "]\n";
  }
  EXPECT_THAT(error_of(text), HasSubstr("too large"));
}

TEST(Yaml, MissingFileIsNamed) {
  const auto node = load_yaml("/nonexistent/x.yaml");
  ASSERT_FALSE(node.ok());
  EXPECT_THAT(node.error().message, HasSubstr("/nonexistent/x.yaml"));
}

TEST(Yaml, JsonIsYaml) {
  EXPECT_EQ(to_json(parsed(R"({"a":[1,2.5,true,"5",null,"t"],"b":"10s"})")).dump(),
            R"({"a":[1,2.5,true,"5",null,"t"],"b":"10s"})");
}

TEST(KindName, SaysWhatAUserWrote) {
  const Node root = parsed("[5, \"5\", x, [], {}, ~]");
  std::vector<std::string> names;
  for (const auto& item : root.items) names.emplace_back(kind_name(item));
  EXPECT_THAT(names,
              testing::ElementsAre("a number", "text", "text", "a list", "a map", "nothing"));
}

}  // namespace
}  // namespace stormlog::document
