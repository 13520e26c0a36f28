#include "pipeline/consumer/tail_position.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "pipeline/consumer/tail_reader.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

TEST(TailPosition, ComesBackAsItWent) {
  for (const TailPosition& position :
       {TailPosition{{{0, 0}}}, TailPosition{{{0, 120}, {1, 77}, {12, kMost}}}}) {
    EXPECT_EQ(TailPosition::parse(position.encode()), position);
  }
  EXPECT_EQ((TailPosition{{{0, 120}, {1, 77}}}).encode(), "0-120.1-77");
}

TEST(TailPosition, RefusesWhatItDidNotMake) {
  for (const char* text :
       {"", "0", "-", "0-", "-1", "0-1.", ".0-1", "0-1..1-1", "0-1.0-2", "a-1", "0-1x", "0--1",
        "-1-1", "0-99999999999999999999", "4294967296-1", "0-1 ", "1.2-3"}) {
    EXPECT_FALSE(TailPosition::parse(text)) << text;
  }
}

TEST(TailPosition, CountsWhatIsBehindAndTakesNewPartitionsFromTheirBeginning) {
  const TailPosition position{{{0, 10}, {1, 5}, {2, 9}}};
  EXPECT_EQ(position.behind({{0, 12}, {1, 5}, {2, 3}, {3, 4}}), 6);
  EXPECT_EQ(position.behind({{3, kMost}, {4, kMost}}), kMost);
  EXPECT_EQ(position.of(3), 0);
}

TEST(ServerSentEvent, IsOneLineOfData) {
  EXPECT_EQ(server_sent_event(TailPosition{{{0, 1}}}, "log", "{\"a\":\n1}"),
            "id: 0-1\nevent: log\ndata: {\"a\": 1}\n\n");
}

}  // namespace
}  // namespace stormlog::pipeline
