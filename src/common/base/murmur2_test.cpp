#include "common/base/murmur2.hpp"

#include <gtest/gtest.h>

namespace stormlog {
namespace {

// What Kafka's own tests expect (UtilsTest.testMurmur2). Keys of all lengths are compared with
// librdkafka where it is linked (lane_plan_test.cpp).
TEST(Murmur2, IsThatOfKafkasClients) {
  const auto hash = [](std::string_view bytes) {
    return static_cast<std::int32_t>(murmur2(bytes));
  };
  EXPECT_EQ(hash("21"), -973932308);
  EXPECT_EQ(hash("foobar"), -790332482);
  EXPECT_EQ(hash("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(hash("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  EXPECT_EQ(hash("abc"), 479470107);
}

}  // namespace
}  // namespace stormlog
