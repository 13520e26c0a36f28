#include "common/compression/compression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random.hpp"
#include "common/compression/compression_test_support.hpp"

namespace stormlog::compression {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kMax = 1 << 20;

struct Codec {
  const char* name;
  std::string (*pack)(std::string_view);
  Result<std::string> (*unpack)(std::string_view, std::size_t);
};

class CompressionTest : public ::testing::TestWithParam<Codec> {
 protected:
  static std::string pack(std::string_view text) { return GetParam().pack(text); }
  static Result<std::string> unpack(std::string_view packed, std::size_t max = kMax) {
    return GetParam().unpack(packed, max);
  }
};

TEST_P(CompressionTest, BringsBackWhatWasPacked) {
  Random random(1);
  for (const std::size_t size : {0U, 1U, 100U, 70'000U, 1U << 20}) {
    std::string text;
    while (text.size() < size) text += static_cast<char>('a' + random.below(7));
    const auto back = unpack(pack(text));
    ASSERT_TRUE(back.ok()) << size << ": " << back.error().message;
    EXPECT_EQ(*back, text);
  }
}

TEST_P(CompressionTest, TheBoundIsExact) {
  const std::string packed = pack(std::string(10'000, 'x'));
  EXPECT_TRUE(unpack(packed, 10'000).ok());
  const auto refused = unpack(packed, 9'999);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, kTooLarge);
  EXPECT_THAT(refused.error().message, HasSubstr("9999"));
}

TEST_P(CompressionTest, ABombIsRefused) {
  const std::string bomb = pack(std::string(200 << 20, '\0'));
  const auto refused = unpack(bomb);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, kTooLarge);
}

TEST_P(CompressionTest, CutShortIsCorrupt) {
  const std::string packed = pack("a text that is long enough to be cut a text that is long");
  for (std::size_t length = 0; length < packed.size(); ++length) {
    const auto refused = unpack(packed.substr(0, length));
    ASSERT_FALSE(refused.ok()) << length;
    EXPECT_EQ(refused.error().code, kCorrupt);
  }
}

TEST_P(CompressionTest, WhatIsNoneIsCorrupt) {
  for (const char* text : {"{\"body\":\"x\"}", "\x1F\x8B", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"}) {
    const auto refused = unpack(text);
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_EQ(refused.error().code, kCorrupt);
  }
}

TEST_P(CompressionTest, MutatedBytesAreRefusedOrStayWithinTheBound) {
  const std::string packed = pack(std::string(3'000, 'x') + "some more text behind it");
  Random random(2);
  for (int round = 0; round < 3'000; ++round) {
    std::string mutated = packed;
    for (int i = 0; i < 3; ++i) {
      mutated[random.below(mutated.size())] = static_cast<char>(random.below(256));
    }
    const auto result = unpack(mutated, 4'000);
    if (result.ok()) {
      EXPECT_LE(result->size(), 4'000U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codecs, CompressionTest,
    ::testing::Values(
        Codec{"gzip", gzipped, gunzip},
        Codec{"deflate", [](std::string_view text) { return deflated(text, MAX_WBITS); }, inflate},
        Codec{"raw_deflate", [](std::string_view text) { return deflated(text, -MAX_WBITS); },
              inflate},
        Codec{"zstd", [](std::string_view text) { return zstandard(text); }, unzstd},
        Codec{"snappy", snapped, unsnappy}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(Compression, SeveralMembersAreOneText) {
  EXPECT_EQ(*gunzip(gzipped("one ") + gzipped("two"), kMax), "one two");
  EXPECT_EQ(*unzstd(zstandard("one ") + zstandard("two"), kMax), "one two");
  EXPECT_FALSE(inflate(deflated("one", MAX_WBITS) + "x", kMax).ok());
  EXPECT_FALSE(gunzip(gzipped("one") + "rubbish", kMax).ok());
}

TEST(Compression, AZstdWindowThatTheSenderWantsToBeHugeIsRefused) {
  std::string text(20 << 20, 'x');
  const auto refused = unzstd(zstandard(text, 27), 64 << 20);
  // The frame says its size, and a window of no more than that is needed.
  EXPECT_FALSE(refused.ok());
  EXPECT_TRUE(unzstd(zstandard(text, 23), 64 << 20).ok());
}

}  // namespace
}  // namespace stormlog::compression
