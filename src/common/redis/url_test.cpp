#include "common/redis/url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::redis {
namespace {

TEST(RedisUrl, HasDefaults) {
  const Result<Url> url = Url::parse("redis://");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->peer(), "127.0.0.1:6379");
  EXPECT_EQ(url->database, 0);
  EXPECT_TRUE(url->password.empty());
}

TEST(RedisUrl, ReadsEachPart) {
  const Result<Url> url = Url::parse("redis://me:p%40ss:word@cache.local:16379/3");
  ASSERT_TRUE(url.ok()) << url.error().message;
  EXPECT_EQ(url->user, "me");
  EXPECT_EQ(url->password, "p@ss:word");
  EXPECT_EQ(url->host, "cache.local");
  EXPECT_EQ(url->port, 16379);
  EXPECT_EQ(url->database, 3);
}

TEST(RedisUrl, ReadsAPasswordAlone) {
  const Result<Url> url = Url::parse("redis://:secret@127.0.0.1/");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->user, "");
  EXPECT_EQ(url->password, "secret");
}

TEST(RedisUrl, ReadsIpv6) {
  const Result<Url> url = Url::parse("redis://[::1]:7000/1");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->peer(), "[::1]:7000");
}

TEST(RedisUrl, RefusesWhatItCannotRead) {
  for (const char* bad :
       {"127.0.0.1:6379", "http://127.0.0.1", "rediss://127.0.0.1", "redis://127.0.0.1:0",
        "redis://127.0.0.1:70000", "redis://h:x", "redis://h/one", "redis://h/-1",
        "redis://lonely@h", "redis://:%4@h", "redis://[::1", "redis://[::1]7000"}) {
    const Result<Url> url = Url::parse(bad);
    ASSERT_FALSE(url.ok()) << bad;
    EXPECT_EQ(url.error().kind, ErrorKind::permanent);
    EXPECT_THAT(url.error().message, testing::HasSubstr("write it like redis://")) << bad;
  }
}

TEST(RedisUrl, KeepsThePasswordOutOfItsErrors) {
  const Result<Url> url = Url::parse("redis://:secret@h:x");
  ASSERT_FALSE(url.ok());
  EXPECT_THAT(url.error().message, testing::Not(testing::HasSubstr("secret")));
}

}  // namespace
}  // namespace stormlog::redis
