#include "common/base/base64.hpp"

#include <gtest/gtest.h>

#include "common/base/random.hpp"

namespace stormlog {
namespace {

std::string base64(std::string_view bytes) {
  std::string out = ">";
  append_base64(bytes, out);
  return out;
}

std::string base64url(std::string_view bytes) {
  std::string out = ">";
  append_base64url(bytes, out);
  return out;
}

// The vectors of RFC 4648 §10.
TEST(Base64, AppendsWithPadding) {
  EXPECT_EQ(base64(""), ">");
  EXPECT_EQ(base64("f"), ">Zg==");
  EXPECT_EQ(base64("fo"), ">Zm8=");
  EXPECT_EQ(base64("foobar"), ">Zm9vYmFy");
  EXPECT_EQ(base64("\xfb\xff"), ">+/8=");
}

TEST(Base64, ForUrlsWithoutPadding) {
  EXPECT_EQ(base64url(""), ">");
  EXPECT_EQ(base64url("f"), ">Zg");
  EXPECT_EQ(base64url("fo"), ">Zm8");
  EXPECT_EQ(base64url("foo"), ">Zm9v");
  EXPECT_EQ(base64url("\xfb\xff"), ">-_8");
}

TEST(Base64, WhatWasEncodedComesBack) {
  Random random(7);
  for (std::size_t length = 0; length < 100; ++length) {
    std::string bytes;
    for (std::size_t i = 0; i < length; ++i) bytes += static_cast<char>(random.next() & 0xFF);
    EXPECT_EQ(decode_base64url(base64url(bytes).substr(1)), bytes);
  }
}

TEST(Base64, WhatNoBytesGiveIsNotDecoded) {
  EXPECT_FALSE(decode_base64url("Zg=="));   // padding
  EXPECT_FALSE(decode_base64url("+/8"));    // the other alphabet
  EXPECT_FALSE(decode_base64url("Zm9vY"));  // a character is no byte
  EXPECT_FALSE(decode_base64url("Zh"));     // bits behind the byte
  EXPECT_FALSE(decode_base64url("Zm9\n"));
}

TEST(Base64, IsToldFromOtherText) {
  for (const char* text : {"", "Zg==", "Zg", "Zm8=", "Zm9v", "-_8", "+/8="}) {
    EXPECT_TRUE(is_base64(text)) << text;
  }
  for (const char* text : {"Z", "Zg=", "Zm9v=", "Z===", "Zm 9", "Zm9v\n"}) {
    EXPECT_FALSE(is_base64(text)) << text;
  }
}

}  // namespace
}  // namespace stormlog
