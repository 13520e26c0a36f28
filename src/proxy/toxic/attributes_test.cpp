#include "proxy/toxic/attributes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "proxy/toxic/toxic_type.hpp"

namespace stormlog::proxy {
namespace {

using testing::HasSubstr;

const AttributeSpec kCount{"count", std::int64_t{3}, "", "", 0, 10, {}};
const AttributeSpec kShare{"share", 0.5, "", "", 0, 1, {}};
const AttributeSpec kShape{"shape", std::string("round"), "", "", {}, {}, {"round", "flat"}};
const std::vector<AttributeSpec> kAll{kCount, kShare, kShape};

TEST(AttributesTest, StartWithTheDefaults) {
  const Attributes attributes(kAll);
  EXPECT_EQ(attributes.integer("count"), 3);
  EXPECT_EQ(attributes.number("share"), 0.5);
  EXPECT_EQ(attributes.text("shape"), "round");
}

TEST(AttributesTest, AnIntegerIsANumberButNotTheOtherWayRound) {
  Attributes attributes(kAll);
  EXPECT_TRUE(attributes.set(kShare, std::int64_t{1}).ok());
  EXPECT_EQ(attributes.number("share"), 1.0);
  EXPECT_THAT(attributes.set(kCount, 1.5).error().message, HasSubstr("must be an integer"));
  EXPECT_EQ(attributes.integer("count"), 3);
}

TEST(AttributesTest, WhatIsRefusedChangesNothing) {
  Attributes attributes(kAll);
  const Attributes before = attributes;
  EXPECT_THAT(attributes.set(kCount, std::int64_t{11}).error().message,
              HasSubstr("\"count\" must be from 0 to 10, not 11"));
  EXPECT_FALSE(attributes.set(kCount, std::int64_t{-1}).ok());
  EXPECT_FALSE(attributes.set(kCount, std::string("5")).ok());
  EXPECT_FALSE(attributes.set(kShare, std::numeric_limits<double>::quiet_NaN()).ok());
  EXPECT_THAT(attributes.set(kShape, std::string("square")).error().message,
              HasSubstr("one of round, flat, not \"square\""));
  EXPECT_EQ(attributes, before);
}

TEST(ToxicTypes, NamesAreUniqueAndFound) {
  std::set<std::string> names;
  for (const ToxicType* type : toxic_types()) {
    EXPECT_TRUE(names.insert(type->name).second) << type->name;
    EXPECT_EQ(find_toxic_type(type->name), type);
    EXPECT_FALSE(type->summary.empty()) << type->name;
    for (const auto& attribute : type->attributes) {
      EXPECT_EQ(type->attribute(attribute.name), &attribute);
      Attributes attributes(type->attributes);
      EXPECT_TRUE(attributes.set(attribute, attribute.fallback).ok())
          << type->name << "." << attribute.name << ": its default is out of bounds";
    }
  }
  EXPECT_EQ(find_toxic_type("latenzy"), nullptr);
}

TEST(ToxicTypes, ASlicerThatCannotSliceIsAConflict) {
  const ToxicType& slicer = *find_toxic_type("slicer");
  Attributes attributes(slicer.attributes);
  EXPECT_THAT(slicer.conflict(attributes), HasSubstr("average_size"));
  ASSERT_TRUE(attributes.set(*slicer.attribute("average_size"), std::int64_t{10}).ok());
  EXPECT_EQ(slicer.conflict(attributes), "");
  ASSERT_TRUE(attributes.set(*slicer.attribute("size_variation"), std::int64_t{11}).ok());
  EXPECT_THAT(slicer.conflict(attributes), HasSubstr("size_variation"));
}

}  // namespace
}  // namespace stormlog::proxy
