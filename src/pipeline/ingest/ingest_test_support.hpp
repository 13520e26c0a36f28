#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "common/compression/compression_test_support.hpp"
#include "common/http/message.hpp"
#include "pipeline/ingest/apis.hpp"
#include "pipeline/ingest/ingest_reader.hpp"

namespace stormlog::pipeline {

// The text in that Content-Encoding; as it is where that is none.
inline std::string packed(std::string_view text, std::string_view encoding) {
  if (encoding.empty() || encoding == "identity") return std::string(text);
  if (encoding == "zstd") return compression::zstandard(text);
  return encoding == "deflate" ? compression::deflated(text, MAX_WBITS)
                               : compression::gzipped(text);
}

// Requests to one API, and what the reader makes of them.
class IngestTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kMaxBody = 2'000'000;

  explicit IngestTest(const IngestApi& api = events_api()) : api_(api) {}

  http::Request request(std::string body, const std::string& type = "application/json") const {
    http::Request request;
    request.method = "POST";
    request.target = api_.path();
    request.headers.set("Content-Type", type);
    request.body = std::move(body);
    return request;
  }
  ParsedRecords read(http::Request post) {
    auto read = reader_.read(api_, post);
    if (const auto* refusal = std::get_if<Refusal>(&read)) {
      ADD_FAILURE() << refusal->status << " " << refusal->detail;
      return {};
    }
    return std::get<ReadRequest>(std::move(read)).records;
  }
  Refusal refused(http::Request post) {
    auto read = reader_.read(api_, post);
    EXPECT_TRUE(std::holds_alternative<Refusal>(read));
    return std::holds_alternative<Refusal>(read) ? std::get<Refusal>(std::move(read)) : Refusal{};
  }

  const IngestApi& api_;
  ManualClock clock_;
  IngestReader reader_{clock_, Random(1), IngestConfig{}, kMaxBody};
};

}  // namespace stormlog::pipeline
