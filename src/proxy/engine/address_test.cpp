#include "proxy/engine/address.hpp"

#include <gtest/gtest.h>

#include "proxy/engine/listener.hpp"

namespace stormlog::proxy {
namespace {

std::string error_of(const std::string& text) {
  const auto found = resolve(text, true);
  return found.ok() ? "" : found.error().message;
}

TEST(Address, TakesTheFormsOfGo) {
  EXPECT_EQ(resolve("127.0.0.1:80", false)->front().text(), "127.0.0.1:80");
  EXPECT_EQ(resolve("[::1]:80", false)->front().text(), "[::1]:80");
  EXPECT_EQ(resolve(":80", true)->front().text(), "[::]:80");
  EXPECT_EQ(resolve("localhost:80", false)->front().text(), "127.0.0.1:80");
  EXPECT_EQ(resolve("127.0.0.1:http", false)->front().text(), "127.0.0.1:80");
  EXPECT_EQ(resolve("127.0.0.1:", false)->front().port(), 0);
}

TEST(Address, SaysWhatIsWrong) {
  EXPECT_EQ(error_of("127.0.0.1"), "address 127.0.0.1: missing port in address");
  EXPECT_EQ(error_of("::1:80"), "address ::1:80: too many colons in address");
  EXPECT_EQ(error_of("[::1:80"), "address [::1:80: missing ']' in address");
  EXPECT_EQ(error_of("127.0.0.1:70000"), "address 70000: invalid port");
  EXPECT_EQ(error_of("127.0.0.1:nothing"), "lookup tcp/nothing: unknown port");
}

TEST(Address, LiteralsNeedNoLookUp) {
  EXPECT_EQ(literal_address("127.0.0.1:80").size(), 1U);
  EXPECT_TRUE(literal_address("localhost:80").empty());
  EXPECT_TRUE(literal_address("nonsense").empty());
}

TEST(Address, KnowsLoopback) {
  EXPECT_TRUE(resolve("127.9.9.9:1", false)->front().is_loopback());
  EXPECT_TRUE(resolve("[::1]:1", false)->front().is_loopback());
  EXPECT_FALSE(resolve("0.0.0.0:1", false)->front().is_loopback());
}

TEST(Listener, TakesAFreePortAndSaysWhichIsTaken) {
  auto first = Listener::open("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  const std::string taken = first->address().text();
  EXPECT_NE(first->address().port(), 0);
  const auto second = Listener::open(taken);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message, "listen tcp " + taken + ": bind: address already in use");
}

}  // namespace
}  // namespace stormlog::proxy
