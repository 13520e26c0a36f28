#include "pipeline/auth/new_token.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "pipeline/auth/token_file.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(NewToken, IsLongRandomAndFitForAHeader) {
  const std::string token = make_token();
  EXPECT_THAT(token, MatchesRegex("slt_[A-Za-z0-9_-]+"));
  EXPECT_EQ(token.size(), 4U + 43U);  // 256 bits, 6 a letter
  EXPECT_NE(token, make_token());
}

TEST(NewToken, ItsEntryCanBeAppendedToTheFile) {
  std::ostringstream file;
  std::ostringstream told;
  ASSERT_TRUE(print_new_token("shop:write", file, told).ok());
  ASSERT_TRUE(print_new_token("ops.1:read,admin", file, told).ok());
  const auto entries = parse_token_file(file.str(), "tokens.yaml");
  ASSERT_TRUE(entries.ok()) << entries.error().message;
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ((*entries)[1].name, "ops.1");
  EXPECT_EQ((*entries)[1].scopes, (Scopes{Scope::read, Scope::admin}));
  const std::string text = told.str();
  const std::string token = text.substr(text.find("slt_"), 47);
  EXPECT_EQ((*entries)[0].digest, sha256(token));
  EXPECT_THAT(file.str(), Not(HasSubstr("slt_")));
}

TEST(NewToken, ABadWishIsRefusedAndNothingIsWritten) {
  for (const char* wish : {"", "shop", "shop:", "shop:wirte", "shop:write,", ":write", "a b:write",
                           "admin-token:admin"}) {
    std::ostringstream file;
    std::ostringstream told;
    const auto made = print_new_token(wish, file, told);
    ASSERT_FALSE(made.ok()) << wish;
    EXPECT_THAT(made.error().message, HasSubstr("shop:write"));
    EXPECT_EQ(file.str() + told.str(), "");
  }
}

}  // namespace
}  // namespace stormlog::pipeline
