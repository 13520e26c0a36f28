#include <gtest/gtest.h>

#include "common/redis/connection.hpp"

namespace stormlog::redis {
namespace {

Error error_of(const std::string& text) {
  Reply reply;
  reply.type = Reply::Type::error;
  reply.text = text;
  return reply.as_error();
}

TEST(RedisReply, AStateThatPassesIsRetriable) {
  for (const char* text :
       {"OOM command not allowed when used memory > 'maxmemory'.",
        "LOADING Redis is loading the dataset in memory", "BUSY Redis is busy running a script.",
        "READONLY You can't write against a read only replica.", "MISCONF Errors writing to AOF"}) {
    EXPECT_EQ(error_of(text).kind, ErrorKind::retriable) << text;
  }
}

TEST(RedisReply, AMistakeIsPermanentAndKeepsItsWord) {
  const Error error = error_of("WRONGTYPE Operation against a key holding the wrong kind of value");
  EXPECT_EQ(error.kind, ErrorKind::permanent);
  EXPECT_EQ(error.code, "WRONGTYPE");
  EXPECT_EQ(error_of("NOAUTH Authentication required.").kind, ErrorKind::permanent);
}

TEST(RedisClient, NobodyThereIsRetriableAndNamesThePeer) {
  Url url;
  url.port = 1;  // tcpmux: nobody listens there
  Client client(url);
  const Result<Reply> reply = client.command({"PING"});
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().kind, ErrorKind::retriable);
  EXPECT_EQ(reply.error().code, kConnectionCode);
  EXPECT_NE(reply.error().message.find("127.0.0.1:1"), std::string::npos);
  EXPECT_FALSE(client.connected());
}

}  // namespace
}  // namespace stormlog::redis
