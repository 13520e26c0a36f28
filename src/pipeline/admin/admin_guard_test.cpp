#include "pipeline/admin/admin_guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

using testing::HasSubstr;

constexpr const char* kToken = "0123456789abcdef";

std::optional<http::Response> ask(const std::string& token, const std::string& header) {
  http::Request request;
  if (!header.empty()) request.headers.add("Authorization", header);
  return AdminGuard(token).refuse(request);
}

TEST(AdminGuard, WithoutATokenNobodyMayChangeAnything) {
  for (const char* header : {"", "Bearer ", "Bearer x", "Bearer 0123456789abcdef"}) {
    const auto refused = ask("", header);
    ASSERT_TRUE(refused) << header;
    EXPECT_EQ(refused->status, 403);
    EXPECT_THAT(refused->body, HasSubstr("no admin-token is configured"));
  }
}

TEST(AdminGuard, TakesTheTokenAndNothingElse) {
  EXPECT_FALSE(ask(kToken, "Bearer 0123456789abcdef"));
  EXPECT_FALSE(ask(kToken, "bearer 0123456789abcdef"));
  for (const char* header :
       {"", "Bearer", "Bearer ", "Bearer 0123456789abcdeg", "Bearer 0123456789abcde",
        "Bearer 0123456789abcdef0", "Basic 0123456789abcdef", "Bearer  0123456789abcdef",
        "0123456789abcdef"}) {
    const auto refused = ask(kToken, header);
    ASSERT_TRUE(refused) << header;
    EXPECT_EQ(refused->status, 401);
    EXPECT_EQ(refused->headers.get("WWW-Authenticate"), "Bearer");
    EXPECT_THAT(refused->body, testing::Not(HasSubstr(kToken)));
  }
}

TEST(AdminGuard, ATokenThatCouldBeGuessedIsRefusedAtTheStart) {
  EXPECT_TRUE(AdminGuard::check_token("").ok());
  EXPECT_TRUE(AdminGuard::check_token(kToken).ok());
  EXPECT_THAT(AdminGuard::check_token("secret").error().message, HasSubstr("at least 16"));
  EXPECT_FALSE(AdminGuard::check_token("0123456789 abcdef").ok());
}

}  // namespace
}  // namespace stormlog::pipeline
