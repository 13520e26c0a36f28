#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "pipeline/ingest/ingest_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;
using Outcomes = std::vector<EventOutcome>;

constexpr char kPush[] =
    R"({"streams":[{"stream":{"app":"shop"},"values":[["1769860800500000000","a"],["now","b"]]}]})";
constexpr char kGood[] =
    R"({"streams":[{"stream":{"app":"shop"},"values":[["1769860800500000000","a"]]}]})";

class LokiApiTest : public IngestTest {
 protected:
  LokiApiTest() : IngestTest(loki_api()) {}
  http::Response answer(const std::string& body, const Outcomes& outcomes) {
    const http::Request post = request(body);
    return api_.answer(post, read(post), outcomes);
  }
};

TEST_F(LokiApiTest, SuccessIs204) {
  const auto response = answer(kGood, Outcomes{EventOutcome::accepted});
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(answer("{}", {}).status, 204);
}

TEST_F(LokiApiTest, WhatIsRefusedIs400ThoughTheOthersAreStored) {
  const auto response = answer(kPush, Outcomes{EventOutcome::accepted});
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("1 of 2 records are not accepted; record 1: timestamp"));
  EXPECT_THAT(std::string(response.headers.get("Content-Type")), HasSubstr("text/plain"));
}

TEST_F(LokiApiTest, OverloadIsRepeatable) {
  const auto unavailable = answer(kPush, Outcomes{EventOutcome::unavailable});
  EXPECT_EQ(unavailable.status, 503);
  EXPECT_EQ(unavailable.headers.get("Retry-After"), "1");
  EXPECT_EQ(answer(kGood, Outcomes{EventOutcome::unknown}).status, 504);
  const auto refused =
      api_.refuse(request(""), Refusal::unavailable("r", "busy", std::chrono::seconds(3)));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.get("Retry-After"), "3");
  EXPECT_EQ(refused.body, "busy\n");
}

TEST_F(LokiApiTest, BadRequests) {
  EXPECT_EQ(refused(request("{")).status, 400);
  EXPECT_EQ(refused(request("x", "application/x-protobuf")).status, 400);
  EXPECT_EQ(refused(request("x", "text/plain")).status, 415);
  const auto large = refused(
      request(compression::snapped(std::string(kMaxBody + 1, 'x')), "application/x-protobuf"));
  EXPECT_EQ(large.status, 413);
}

TEST_F(LokiApiTest, BodiesAreCompressedInTheWaysOfItsClients) {
  http::Request post = request(packed(kGood, "gzip"));
  post.headers.set("Content-Encoding", "gzip");
  EXPECT_EQ(read(post).count, 1U);
  // Snappy belongs to the protobuf body, whether it is declared or not.
  std::string stream;
  std::string entry;
  std::string time;
  protozero::pbf_writer(time).add_int64(1, 1'769'860'800);
  protozero::pbf_writer(entry).add_message(1, time);
  protozero::pbf_writer(stream).add_string(1, R"({app="shop"})");
  protozero::pbf_writer(stream).add_message(2, entry);
  std::string push;
  protozero::pbf_writer(push).add_message(1, stream);
  for (const char* encoding : {"", "snappy"}) {
    http::Request packed_post = request(compression::snapped(push), "application/x-protobuf");
    packed_post.headers.set("Content-Encoding", encoding);
    EXPECT_EQ(read(packed_post).count, 1U) << encoding;
  }
  http::Request wrong = request("xx");
  wrong.headers.set("Content-Encoding", "snappy");
  EXPECT_EQ(refused(wrong).status, 415);
}

}  // namespace
}  // namespace stormlog::pipeline
