#include "pipeline/consumer/redis_durability.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

using redis::Reply;
using testing::HasSubstr;

Reply setting(const std::string& name, const std::string& value) {
  Reply reply;
  reply.type = Reply::Type::array;
  for (const std::string& text : {name, value}) {
    Reply element;
    element.type = Reply::Type::text;
    element.text = text;
    reply.elements.push_back(element);
  }
  return reply;
}

RedisDurability judge(const std::string& appendonly, const std::string& appendfsync,
                      const std::string& policy = "noeviction") {
  const std::vector<Reply> replies = {setting("appendonly", appendonly),
                                      setting("appendfsync", appendfsync),
                                      setting("maxmemory-policy", policy)};
  return judge_durability(replies);
}

TEST(RedisDurability, NeedsAFileThatIsSyncedAndNoEviction) {
  EXPECT_EQ(judge("yes", "always").durable, true);
  EXPECT_EQ(judge("yes", "always", "volatile-lru").durable, true);
  EXPECT_EQ(judge("yes", "always").metric(), 1);
  EXPECT_EQ(judge("yes", "everysec").durable, false);
  EXPECT_THAT(judge("yes", "everysec").why, HasSubstr("set appendfsync always"));
  EXPECT_EQ(judge("no", "always").durable, false);
  EXPECT_THAT(judge("no", "always").why, HasSubstr("set appendonly yes"));
  EXPECT_THAT(judge("yes", "always", "allkeys-lru").why, HasSubstr("noeviction"));
  EXPECT_EQ(judge("yes", "always", "allkeys-lru").metric(), 0);
}

TEST(RedisDurability, IsUnknownWhereRedisDoesNotTell) {
  Reply refused;
  refused.type = Reply::Type::error;
  refused.text = "NOPERM";
  std::vector<Reply> replies(3, refused);
  EXPECT_FALSE(judge_durability(replies).durable);
  EXPECT_EQ(judge_durability(replies).metric(), -1);
  EXPECT_EQ(judge_durability({}).metric(), -1);
  // One that is known to be wrong is enough.
  replies[1] = setting("appendfsync", "no");
  EXPECT_EQ(judge_durability(replies).durable, false);
  replies[1] = setting("appendfsync", "always");
  EXPECT_FALSE(judge_durability(replies).durable);
}

}  // namespace
}  // namespace stormlog::pipeline
