#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pipeline/ingest/ingest_answer.hpp"
#include "pipeline/ingest/ingest_reader.hpp"

namespace stormlog::pipeline {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Outcomes = std::vector<EventOutcome>;

constexpr char kBody[] = R"([{"body":"a"},{"id":"bad","body":"b"},{"body":"c"}])";

class IngestTest : public ::testing::Test {
 protected:
  static http::Request request(std::string body) {
    http::Request request;
    request.method = "POST";
    request.target = "/api/v1/logs";
    request.headers.set("Content-Type", "application/json");
    request.body = std::move(body);
    return request;
  }
  ParsedRecords records(std::string body) {
    http::Request post = request(std::move(body));
    auto read = reader_.read(post);
    EXPECT_TRUE(std::holds_alternative<ParsedRecords>(read));
    return std::get<ParsedRecords>(std::move(read));
  }
  IngestReader::Refusal refused(http::Request post) {
    auto read = reader_.read(post);
    EXPECT_TRUE(std::holds_alternative<IngestReader::Refusal>(read));
    return std::get<IngestReader::Refusal>(std::move(read));
  }

  ManualClock clock_;
  IngestReader reader_{clock_, Random(1)};
};

TEST_F(IngestTest, MediaTypes) {
  http::Request post = request(R"({"body":"x"})");
  post.headers.set("Content-Type", "application/json; charset=utf-8");
  EXPECT_TRUE(std::holds_alternative<ParsedRecords>(reader_.read(post)));
  post.headers.set("Content-Type", "application/x-www-form-urlencoded");
  const auto refusal = refused(post);
  EXPECT_EQ(refusal.response.status, 415);
  EXPECT_EQ(refusal.reason, "media_type");
  EXPECT_EQ(refusal.response.headers.get("Accept-Post"), "application/json");
  EXPECT_THAT(refusal.response.body, HasSubstr("x-www-form-urlencoded"));

  http::Request packed = request("xx");
  packed.headers.set("Content-Encoding", "gzip");
  EXPECT_EQ(refused(packed).response.status, 415);
}

TEST_F(IngestTest, MalformedAndTooMany) {
  EXPECT_EQ(refused(request("{")).response.status, 400);
  EXPECT_EQ(refused(request("")).response.status, 400);
  std::string many = "[";
  for (int i = 0; i < 10'001; ++i) many += i == 0 ? "1" : ",1";
  EXPECT_EQ(refused(request(many + "]")).response.status, 413);
  http::Request keyed = request(R"({"body":"x"})");
  keyed.headers.set("Idempotency-Key", "two words");
  EXPECT_EQ(refused(keyed).response.status, 400);
}

TEST_F(IngestTest, HeadersReachTheEvents) {
  http::Request post = request(R"({"body":"x"})");
  post.headers.set("Idempotency-Key", "k");
  post.headers.set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  const auto read = std::get<ParsedRecords>(reader_.read(post));
  const auto events = decode_frames(read.frames, read.count);
  EXPECT_EQ((*events)[0].id.bytes[6] >> 4, 8);
  EXPECT_EQ((*events)[0].traceparent.size(), 55U);
  EXPECT_EQ((*events)[0].received_ns, clock_.wall_now().time_since_epoch().count());
  // One that is not valid is ignored, not refused.
  post.headers.set("traceparent", "nonsense");
  EXPECT_TRUE(std::holds_alternative<ParsedRecords>(reader_.read(post)));
}

TEST_F(IngestTest, AcceptedIsToldWithWhatWasNot) {
  const ParsedRecords parsed = records(kBody);
  const auto response =
      ingest_answer(parsed, Outcomes{EventOutcome::accepted, EventOutcome::too_large});
  EXPECT_EQ(response.status, 202);
  const json body = json::parse(response.body);
  EXPECT_EQ(body["accepted"], 1);
  EXPECT_EQ(body["rejected"], 2);
  ASSERT_EQ(body["errors"].size(), 2U);
  EXPECT_EQ(body["errors"][0]["index"], 1);
  EXPECT_EQ(body["errors"][0]["code"], "invalid");
  EXPECT_EQ(body["errors"][0]["field"], "id");
  EXPECT_EQ(body["errors"][1]["index"], 2);
  EXPECT_EQ(body["errors"][1]["code"], "too_large");
  EXPECT_FALSE(body.contains("id"));
}

TEST_F(IngestTest, ASingleEventIsToldItsId) {
  const auto response =
      ingest_answer(records(R"({"id":"01890a5d-ac96-774b-bcce-b302099a8057","body":"x"})"),
                    Outcomes{EventOutcome::accepted});
  EXPECT_EQ(
      response.body,
      R"({"accepted":1,"rejected":0,"errors":[],"id":"01890a5d-ac96-774b-bcce-b302099a8057"})");
}

TEST_F(IngestTest, NoneValidIs422) {
  const auto response = ingest_answer(records(R"({"id":"bad","body":"x"})"), {});
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
  const json body = json::parse(response.body);
  EXPECT_EQ(body["status"], 422);
  EXPECT_EQ(body["accepted"], 0);
  EXPECT_EQ(body["errors"][0]["field"], "id");
}

TEST_F(IngestTest, NoneButTooLargeIs413) {
  const std::string giant = R"({"body":")" + std::string(1'000'000, 'x') + R"("})";
  EXPECT_EQ(ingest_answer(records(giant), {}).status, 413);
  EXPECT_EQ(ingest_answer(records("[" + giant + R"(,{"id":1}])"), {}).status, 422);
  EXPECT_EQ(ingest_answer(records(R"({"body":"x"})"), Outcomes{EventOutcome::too_large}).status,
            413);
}

TEST_F(IngestTest, UnknownIs504BeforeAllElse) {
  const auto response =
      ingest_answer(records(kBody), Outcomes{EventOutcome::unknown, EventOutcome::unavailable});
  EXPECT_EQ(response.status, 504);
  const json body = json::parse(response.body);
  ASSERT_EQ(body["errors"].size(), 3U);
  EXPECT_EQ(body["errors"][0]["code"], "unknown");
  EXPECT_EQ(body["errors"][1]["code"], "invalid");
  EXPECT_EQ(body["errors"][2]["code"], "unavailable");
}

TEST_F(IngestTest, NotStoredIs503) {
  const auto response =
      ingest_answer(records(kBody), Outcomes{EventOutcome::accepted, EventOutcome::unavailable});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.get("Retry-After"), "1");
  EXPECT_EQ(json::parse(response.body)["accepted"], 1);
}

TEST_F(IngestTest, AnEmptyArrayIsAccepted) {
  EXPECT_EQ(ingest_answer(records("[]"), {}).body, R"({"accepted":0,"rejected":0,"errors":[]})");
}

TEST_F(IngestTest, RetryAfterIsAtLeastASecond) {
  using std::chrono::milliseconds;
  EXPECT_EQ(unavailable("x", milliseconds(0)).headers.get("Retry-After"), "1");
  EXPECT_EQ(unavailable("x", milliseconds(1'001)).headers.get("Retry-After"), "2");
}

}  // namespace
}  // namespace stormlog::pipeline
