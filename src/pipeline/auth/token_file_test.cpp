#include "pipeline/auth/token_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/units.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kDigest(64, 'a');
const std::string kOther(64, 'b');

std::string complaint(const std::string& text) {
  const auto parsed = parse_token_file(text, "tokens.yaml");
  EXPECT_FALSE(parsed.ok()) << text;
  return parsed.ok() ? "" : parsed.error().message;
}

std::string entry(const std::string& more, const std::string& name = "shop",
                  const std::string& digest = kDigest) {
  return "- name: " + name + "\n  sha256: " + digest + "\n  scopes: [write]\n" + more;
}

TEST(TokenFile, ReadsEverythingAnEntryMaySay) {
  const auto parsed =
      parse_token_file("# who may do what\n" +
                           entry("  rate: 500/s\n  burst: 20000\n"
                                 "  expires: 2027-01-01T00:00:00Z\n") +
                           "- {name: ops-2, sha256: " + kOther + ", scopes: [read, admin]}\n",
                       "tokens.yaml");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  ASSERT_EQ(parsed->size(), 2U);
  const TokenEntry& shop = (*parsed)[0];
  EXPECT_EQ(shop.name, "shop");
  EXPECT_EQ(to_hex(shop.digest), kDigest);
  EXPECT_EQ(shop.scopes, Scopes{Scope::write});
  ASSERT_TRUE(shop.quota);
  EXPECT_EQ(*shop.quota, (Quota{500, 20'000}));
  EXPECT_EQ(shop.expires, *units::parse_rfc3339("2027-01-01T00:00:00Z"));
  const TokenEntry& ops = (*parsed)[1];
  EXPECT_EQ(ops.scopes, (Scopes{Scope::read, Scope::admin}));
  EXPECT_FALSE(ops.quota);
  EXPECT_FALSE(ops.expires);
}

TEST(TokenFile, DigestsOfEitherCaseAreTheSame) {
  const auto parsed = parse_token_file(entry("", "shop", std::string(64, 'A')), "tokens.yaml");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(to_hex((*parsed)[0].digest), kDigest);
}

TEST(TokenFile, AnEmptyListLetsNobodyInAndAnEmptyFileIsAMistake) {
  const auto parsed = parse_token_file("[]\n", "tokens.yaml");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_TRUE(parsed->empty());
  for (const char* text : {"", "\n", "# nobody\n"}) {
    EXPECT_THAT(complaint(text), HasSubstr("write []")) << text;
  }
}

TEST(TokenFile, TheBurstThatIsNotNamedHoldsAFullRequest) {
  EXPECT_EQ(default_burst(100), 10'000);
  EXPECT_EQ(default_burst(50'000), 100'000);
  EXPECT_EQ((*parse_token_file(entry("  rate: 100/s\n"), "f"))[0].quota->burst, 10'000);
}

struct Bad {
  std::string text;
  const char* line;   // "tokens.yaml:3"
  const char* right;  // what the message says would be right
};

TEST(TokenFile, EachBadEntryIsNamedByItsLineAndWhatIsRight) {
  const std::vector<Bad> all = {
      {"tokens: []\n", "tokens.yaml:1", "a list"},
      {"- shop\n", "tokens.yaml:1", "{name: shop"},
      {"- name: shop\n  scopes: [read]\n", "tokens.yaml:1", "sha256"},
      {entry("") + "- sha256: " + kOther + "\n  scopes: [read]\n", "tokens.yaml:4", "name"},
      {"- name: shop\n  sha256: " + kDigest + "\n", "tokens.yaml:1", "scopes"},
      {entry("  colour: red\n"), "tokens.yaml:4", "colour"},
      {entry("  rat: 5/s\n"), "tokens.yaml:4", "did you mean \"rate\""},
      {entry("", "\"sh op\""), "tokens.yaml:1", "letters, digits"},
      {entry("", std::string(65, 'n')), "tokens.yaml:1", "1 to 64"},
      {entry("", "admin-token"), "tokens.yaml:1", "choose another"},
      {entry("", "shop", "slt_abc"), "tokens.yaml:2", "64 hex digits"},
      {entry("", "shop", std::string(63, 'a') + "g"), "tokens.yaml:2", "64 hex digits"},
      {"- name: a\n  sha256: " + kDigest + "\n  scopes: [wirte]\n", "tokens.yaml:3",
       "did you mean \"write\""},
      {"- name: a\n  sha256: " + kDigest + "\n  scopes: []\n", "tokens.yaml:3", "[read]"},
      {entry("  rate: fast\n"), "tokens.yaml:4", "rate"},
      {entry("  rate: 0/s\n"), "tokens.yaml:4", "must be"},
      {entry("  burst: 5\n"), "tokens.yaml:4", "rate: 1000/s"},
      {entry("  rate: 5/s\n  burst: 0\n"), "tokens.yaml:5", "must be"},
      {entry("  rate: 1/s\n  burst: 1000000000\n"), "tokens.yaml:5", "365 days"},
      {entry("  expires: tomorrow\n"), "tokens.yaml:4", "2027-01-01T00:00:00Z"},
      {entry("") + entry("", "shop", kOther), "tokens.yaml:4", "taken by line 1"},
      {entry("") + entry("", "web"), "tokens.yaml:4", "that of line 1"},
      {entry("  rate: [1\n"), "tokens.yaml:", ""},
  };
  for (const Bad& bad : all) {
    const std::string message = complaint(bad.text);
    EXPECT_THAT(message, HasSubstr(bad.line)) << bad.text;
    EXPECT_THAT(message, HasSubstr(bad.right)) << bad.text;
  }
}

TEST(TokenFile, AllThatIsWrongIsToldAtOnceAndNoTokenIsShown) {
  const std::string message =
      complaint(entry("", "shop", "slt_the-token-itself") + entry("  rate: x\n", "web", kOther));
  EXPECT_THAT(message, HasSubstr("tokens.yaml:2"));
  EXPECT_THAT(message, HasSubstr("tokens.yaml:7"));
  EXPECT_THAT(message, Not(HasSubstr("slt_the-token-itself")));
}

TEST(TokenFile, AFileOfTooManyTokensIsRefused) {
  std::string text;
  for (std::size_t i = 0; i <= kMaxTokens; ++i) text += "- x\n";
  EXPECT_THAT(complaint(text), HasSubstr("there may be 10000"));
}

}  // namespace
}  // namespace stormlog::pipeline
