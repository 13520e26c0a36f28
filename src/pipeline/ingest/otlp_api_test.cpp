#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "pipeline/ingest/ingest_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Outcomes = std::vector<EventOutcome>;

constexpr char kProtobuf[] = "application/x-protobuf";

// One resource with records of these bodies; "" is a record without anything, which is refused.
std::string protobuf_of(const std::vector<std::string>& bodies) {
  std::string scope_logs;
  for (const std::string& body : bodies) {
    std::string record;
    if (!body.empty()) {
      std::string value;
      protozero::pbf_writer(value).add_string(1, body);
      protozero::pbf_writer(record).add_message(5, value);
    }
    protozero::pbf_writer(scope_logs).add_message(2, record);
  }
  std::string resource_logs;
  protozero::pbf_writer(resource_logs).add_message(2, scope_logs);
  std::string request;
  protozero::pbf_writer(request).add_message(1, resource_logs);
  return request;
}

struct Status {
  int code = 0;
  std::string message;
};
Status status_of(const std::string& body) {
  Status status;
  protozero::pbf_reader reader(body);
  while (reader.next()) {
    if (reader.tag() == 1) {
      status.code = reader.get_int32();
    } else {
      status.message = reader.get_string();
    }
  }
  return status;
}

class OtlpApiTest : public IngestTest {
 protected:
  OtlpApiTest() : IngestTest(otlp_api()) {}

  http::Response answer(const http::Request& post, const Outcomes& outcomes) {
    return api_.answer(post, read(post), outcomes);
  }
  http::Request protobuf(const std::vector<std::string>& bodies) {
    return request(protobuf_of(bodies), kProtobuf);
  }
};

TEST_F(OtlpApiTest, SuccessIsEmptyInTheEncodingOfTheRequest) {
  const auto in_protobuf = answer(protobuf({"a"}), Outcomes{EventOutcome::accepted});
  EXPECT_EQ(in_protobuf.status, 200);
  EXPECT_EQ(in_protobuf.headers.get("Content-Type"), kProtobuf);
  EXPECT_EQ(in_protobuf.body, "");
  const auto in_json = answer(
      request(
          R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}}]}]}]})"),
      Outcomes{EventOutcome::accepted});
  EXPECT_EQ(in_json.status, 200);
  EXPECT_EQ(in_json.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(in_json.body, "{}");
  EXPECT_EQ(answer(request("", kProtobuf), {}).status, 200);  // nothing in it
  EXPECT_EQ(answer(request("{}"), {}).status, 200);
}

TEST_F(OtlpApiTest, WhatIsRefusedForGoodIsAPartialSuccess) {
  const auto response =
      answer(protobuf({"a", "", "c"}), Outcomes{EventOutcome::accepted, EventOutcome::refused});
  EXPECT_EQ(response.status, 200);
  protozero::pbf_reader outer(response.body);
  ASSERT_TRUE(outer.next(1));
  const std::string partial = outer.get_string();
  protozero::pbf_reader inner(partial);
  ASSERT_TRUE(inner.next(1));
  EXPECT_EQ(inner.get_int64(), 2);
  ASSERT_TRUE(inner.next(2));
  EXPECT_THAT(inner.get_string(), HasSubstr("2 of 3 records are not accepted; record 1:"));

  const auto in_json = answer(
      request(
          R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{"body":{"stringValue":"a"}}]}]}]})"),
      Outcomes{EventOutcome::accepted});
  const json body = json::parse(in_json.body);
  EXPECT_EQ(body["partialSuccess"]["rejectedLogRecords"], "1");  // 64 bits are text
  EXPECT_THAT(body["partialSuccess"]["errorMessage"].get<std::string>(), HasSubstr("record 0"));
}

TEST_F(OtlpApiTest, NothingTakenIsAnError) {
  const auto bad = answer(protobuf({"", ""}), {});
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(status_of(bad.body).code, 3);
  EXPECT_THAT(status_of(bad.body).message, HasSubstr("2 of 2"));
  const auto large = answer(protobuf({std::string(1'000'000, 'x')}), {});
  EXPECT_EQ(large.status, 413);
  EXPECT_EQ(status_of(large.body).code, 8);
}

TEST_F(OtlpApiTest, OverloadIsRepeatable) {
  const auto unavailable =
      answer(protobuf({"a", "b"}), Outcomes{EventOutcome::accepted, EventOutcome::unavailable});
  EXPECT_EQ(unavailable.status, 503);
  EXPECT_EQ(unavailable.headers.get("Retry-After"), "1");
  EXPECT_EQ(status_of(unavailable.body).code, 14);
  const auto unknown = answer(protobuf({"a"}), Outcomes{EventOutcome::unknown});
  EXPECT_EQ(unknown.status, 504);
  EXPECT_EQ(status_of(unknown.body).code, 4);

  const auto refused = api_.refuse(request("", kProtobuf),
                                   Refusal::unavailable("r", "busy", std::chrono::seconds(3)));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.get("Retry-After"), "3");
  EXPECT_EQ(refused.headers.get("Content-Type"), kProtobuf);
  EXPECT_EQ(status_of(refused.body).message, "busy");
}

TEST_F(OtlpApiTest, BadRequestsHaveAStatusOfTheirEncoding) {
  const Refusal refusal = refused(request("\x0A\xFF", kProtobuf));
  EXPECT_EQ(refusal.status, 400);
  EXPECT_EQ(status_of(api_.refuse(request("", kProtobuf), refusal).body).code, 3);
  const auto in_json = api_.refuse(request("{"), refused(request("{")));
  EXPECT_EQ(json::parse(in_json.body)["code"], 3);
  const Refusal type = refused(request("", "text/plain"));
  EXPECT_EQ(type.status, 415);
  EXPECT_EQ(type.headers.get("Accept-Post"), "application/x-protobuf, application/json");
}

TEST_F(OtlpApiTest, BodiesMayBeCompressed) {
  http::Request post = request(packed(protobuf_of({"a"}), "gzip"), kProtobuf);
  post.headers.set("Content-Encoding", "gzip");
  EXPECT_EQ(read(post).count, 1U);
}

}  // namespace
}  // namespace stormlog::pipeline
