#include "common/postgres/param.hpp"

#include <gtest/gtest.h>

namespace stormlog::postgres {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

TEST(BinaryArray, HoldsNumbersInNetworkOrderAndNulls) {
  BinaryArray array(Element::int4);
  array.add_int(1);
  array.add_null();
  array.add_int(-2);
  EXPECT_EQ(array.size(), 3);
  const Param param = array.take();
  EXPECT_EQ(param.type, 1007u);
  EXPECT_TRUE(param.binary);
  EXPECT_EQ(hex(param.value),
            "00000001"
            "00000001"
            "00000017"
            "00000003"
            "00000001"
            "00000004"
            "00000001"
            "ffffffff"
            "00000004"
            "fffffffe");
}

TEST(BinaryArray, AnEmptyOneHasNoDimension) {
  BinaryArray array(Element::text);
  EXPECT_EQ(hex(array.take().value),
            "00000000"
            "00000000"
            "00000019");
}

TEST(BinaryArray, IsReusableAfterTake) {
  BinaryArray array(Element::text);
  array.add_null();
  (void)array.take();
  array.add_text("ab");
  EXPECT_EQ(hex(array.take().value),
            "00000001"
            "00000000"
            "00000019"
            "00000001"
            "00000001"
            "00000002"
            "6162");
}

TEST(BinaryArray, CountsTimeFromTheYear2000) {
  BinaryArray array(Element::timestamptz);
  array.add_timestamp(946'684'800'000'001);
  EXPECT_EQ(hex(array.take().value).substr(40),
            "00000008"
            "0000000000000001");
}

TEST(BinaryArray, MarksTheVersionOfJsonb) {
  BinaryArray array(Element::jsonb);
  array.add_jsonb("{}");
  EXPECT_EQ(hex(array.take().value).substr(40),
            "00000003"
            "01"
            "7b7d");
}

TEST(CopyRows, HasAHeadRowsAndAnEnd) {
  CopyRows rows({Element::int2, Element::text, Element::boolean});
  rows.begin_row();
  rows.add_int(7);
  rows.add_text("ab");
  rows.add_null();
  rows.begin_row();
  rows.add_int(-1);
  rows.add_null();
  rows.add_bool(true);
  const std::string head =
      "5047434f50590aff0d0a00"
      "00000000"
      "00000000";
  EXPECT_EQ(hex(rows.take()), head +
                                  "0003"
                                  "00000002"
                                  "0007"
                                  "00000002"
                                  "6162"
                                  "ffffffff"
                                  "0003"
                                  "00000002"
                                  "ffff"
                                  "ffffffff"
                                  "00000001"
                                  "01"
                                  "ffff");
  rows.begin_row();
  rows.add_int(7);
  rows.add_null();
  rows.add_null();
  EXPECT_EQ(hex(rows.take()).substr(0, head.size()), head);
}

TEST(Param, TakesTextNumbersTruthAndNull) {
  const Params params = {"a", 7, true, std::nullopt, std::string("b")};
  EXPECT_EQ(params[0].value, "a");
  EXPECT_EQ(params[1].value, "7");
  EXPECT_EQ(params[2].value, "true");
  EXPECT_TRUE(params[3].null);
  EXPECT_EQ(params[4].value, "b");
}

}  // namespace
}  // namespace stormlog::postgres
