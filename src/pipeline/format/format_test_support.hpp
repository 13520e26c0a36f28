#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"
#include "pipeline/event/batch_codec.hpp"
#include "pipeline/event/event.hpp"
#include "pipeline/format/formats.hpp"

namespace stormlog::pipeline {

// Reads bodies of one format and brings back what would be stored.
class FormatTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kReceived = 1'700'000'000'123'456'789;

  explicit FormatTest(std::unique_ptr<Format> (*make)()) : format_(make()) {}

  Result<ParsedRecords> parse(std::string body) {
    context_.received_ns = kReceived;
    context_.ids = &ids_;
    return format_->parse(body, context_);
  }
  // A body that must be read as a whole.
  ParsedRecords records(const std::string& body) {
    auto parsed = parse(body);
    EXPECT_TRUE(parsed.ok()) << parsed.error().message;
    return parsed.ok() ? std::move(*parsed) : ParsedRecords{};
  }
  // Its events, of which none may be refused.
  std::vector<EventRecord> stored_all(const std::string& body) {
    const ParsedRecords parsed = records(body);
    for (const auto& error : parsed.errors) {
      ADD_FAILURE() << error.error.code << " " << error.error.field << ": " << error.error.detail;
    }
    return stored_of(parsed);
  }
  static std::vector<EventRecord> stored_of(const ParsedRecords& parsed) {
    std::vector<EventRecord> events;
    const auto views = decode_frames(parsed.frames, parsed.count);
    EXPECT_TRUE(views.ok());
    if (!views.ok()) return events;
    for (const EventView& view : *views) {
      const auto record = decode_stored(view.payload);
      EXPECT_TRUE(record.ok()) << record.error().message << "\n" << view.payload;
      if (record.ok()) events.push_back(*record);
    }
    return events;
  }
  // The only event of a body that must hold one.
  EventRecord stored(const std::string& body) {
    const auto events = stored_all(body);
    EXPECT_EQ(events.size(), 1U) << body;
    return events.size() == 1 ? events.front() : EventRecord{};
  }
  // Why the only record of a body is refused.
  FieldError refused(const std::string& body) {
    const ParsedRecords parsed = records(body);
    EXPECT_EQ(parsed.count, 0U) << body;
    EXPECT_EQ(parsed.errors.size(), 1U) << body;
    return parsed.errors.empty() ? FieldError{} : parsed.errors.front().error;
  }
  // The message of a body that is refused as a whole.
  std::string malformed(const std::string& body, const std::string& code = "400") {
    const auto parsed = parse(body);
    EXPECT_FALSE(parsed.ok()) << body;
    if (parsed.ok()) return {};
    EXPECT_EQ(parsed.error().code, code);
    return parsed.error().message;
  }
  // Whatever becomes of a damaged body, what is stored can be read back.
  int count_stored(const std::string& body) {
    const auto parsed = parse(body);
    return parsed.ok() ? static_cast<int>(stored_of(*parsed).size()) : 0;
  }

  ManualClock clock_;
  UuidV7Generator ids_{clock_, Random(1)};
  IngestContext context_;
  std::unique_ptr<Format> format_;
};

}  // namespace stormlog::pipeline
