#include "pipeline/format/member_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {
namespace {

// The object of these names, whose values count up from 1.
std::string object_of(MemberWriter& writer, const std::vector<std::string>& names,
                      std::size_t* left = nullptr) {
  std::string out = "before ";
  const MemberWriter::Object object = writer.open(out);
  int value = 0;
  for (const std::string& name : names) {
    writer.name(object, name, "attributes", out);
    out += std::to_string(++value);
  }
  const std::size_t count = writer.close(object, out);
  if (left != nullptr) *left = count;
  return out;
}

TEST(MemberWriter, TheLastOfAName) {
  MemberWriter writer;
  std::size_t left = 0;
  EXPECT_EQ(object_of(writer, {"a", "b", "a", "c", "b", "a"}, &left),
            R"(before "c":4,"b":5,"a":6)");
  EXPECT_EQ(left, 3U);
  EXPECT_EQ(object_of(writer, {"a", "a"}), R"(before "a":2)");
  EXPECT_EQ(object_of(writer, {}), "before ");
  EXPECT_EQ(object_of(writer, {"", "a", ""}), R"(before "a":2,"":3)");
  // Also beyond what is compared pair by pair.
  std::vector<std::string> many;
  for (int i = 0; i < 40; ++i) many.push_back("n" + std::to_string(i % 39));
  object_of(writer, many, &left);
  EXPECT_EQ(left, 39U);
  EXPECT_FALSE(writer.error());
}

TEST(MemberWriter, ObjectsNest) {
  MemberWriter writer;
  std::string out;
  const auto outer = writer.open(out);
  writer.name(outer, "a", "x", out);
  out += '{';
  const auto inner = writer.open(out);
  writer.name(inner, "a", "x", out);
  out += "1";
  EXPECT_EQ(writer.close(inner, out), 1U);
  out += '}';
  writer.name(outer, "b", "x", out);
  out += "2";
  EXPECT_EQ(writer.close(outer, out), 2U);
  EXPECT_EQ(out, R"("a":{"a":1},"b":2)");
}

TEST(MemberWriter, KeepsTheFirstThingThatIsWrong) {
  MemberWriter writer;
  std::string out;
  writer.text("\xFF", "body", out);
  EXPECT_EQ(out, R"("")");
  writer.refuse("too_deep", "attributes", "");
  ASSERT_TRUE(writer.error());
  EXPECT_EQ(writer.error()->code, "invalid");
  EXPECT_EQ(writer.error()->field, "body");
  writer.begin_record();
  EXPECT_FALSE(writer.error());
  object_of(writer, {std::string(1'025, 'n')});
  EXPECT_EQ(writer.error()->code, "too_large");
  writer.begin_record();
  object_of(writer, {"\xFF"});
  EXPECT_EQ(writer.error()->code, "invalid");
  writer.begin_record();
  object_of(writer, std::vector<std::string>(4'097, "n"));
  EXPECT_EQ(writer.error()->code, "too_large");
}

TEST(MemberWriter, NumbersAreJson) {
  const auto text = [](double number) {
    std::string out;
    MemberWriter::number(number, out);
    return out;
  };
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(-2), "-2");
  EXPECT_EQ(text(1e300), "1e+300");
  EXPECT_EQ(text(std::numeric_limits<double>::quiet_NaN()), R"("NaN")");
  EXPECT_EQ(text(std::numeric_limits<double>::infinity()), R"("Infinity")");
  EXPECT_EQ(text(-std::numeric_limits<double>::infinity()), R"("-Infinity")");
}

TEST(MemberWriter, TextsOfFieldsAreBoundedAndFreeOfNuls) {
  MemberWriter writer;
  std::string out;
  writer.take_text(std::string_view("a\0b\0", 4), 10, "service", out);
  EXPECT_EQ(out, "a\uFFFDb\uFFFD");
  EXPECT_FALSE(writer.error());
  // As long as it may be before, but not after NULs are replaced.
  writer.take_text(std::string_view("\0\0", 2), 5, "service", out);
  EXPECT_EQ(writer.error()->code, "too_large");
  writer.begin_record();
  writer.take_text("long", 3, "service", out);
  EXPECT_EQ(writer.error()->code, "too_large");
}

TEST(MemberWriter, TimesAreNanosecondsOrNone) {
  MemberWriter writer;
  std::optional<std::int64_t> time;
  writer.take_time(0, "t", time);
  EXPECT_FALSE(time);
  writer.take_time(1'700'000'000'000'000'000, "t", time);
  EXPECT_EQ(time, 1'700'000'000'000'000'000);
  EXPECT_FALSE(writer.error());
  for (const std::uint64_t bad : {std::uint64_t{1'700'000'000}, std::uint64_t{1'700'000'000'000},
                                  std::numeric_limits<std::uint64_t>::max()}) {
    writer.begin_record();
    writer.take_time(bad, "t", time);
    EXPECT_TRUE(writer.error()) << bad;
  }
}

}  // namespace
}  // namespace stormlog::pipeline
