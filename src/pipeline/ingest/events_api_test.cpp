#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pipeline/ingest/ingest_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Outcomes = std::vector<EventOutcome>;

constexpr char kBody[] = R"([{"body":"a"},{"id":"bad","body":"b"},{"body":"c"}])";

class EventsApiTest : public IngestTest {
 protected:
  ParsedRecords records(std::string body, const std::string& type = "application/json") {
    return read(request(std::move(body), type));
  }
  http::Response answer(const ParsedRecords& records, const Outcomes& outcomes) {
    return api_.answer(request(""), records, outcomes);
  }
};

TEST_F(EventsApiTest, AcceptedIsToldWithWhatWasNot) {
  const ParsedRecords parsed = records(kBody);
  const auto response = answer(parsed, Outcomes{EventOutcome::accepted, EventOutcome::too_large});
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

TEST_F(EventsApiTest, ASingleEventIsToldItsId) {
  const auto response =
      answer(records(R"({"id":"01890a5d-ac96-774b-bcce-b302099a8057","body":"x"})"),
             Outcomes{EventOutcome::accepted});
  EXPECT_EQ(
      response.body,
      R"({"accepted":1,"rejected":0,"errors":[],"id":"01890a5d-ac96-774b-bcce-b302099a8057"})");
}

TEST_F(EventsApiTest, NoneValidIs422) {
  const auto response = answer(records(R"({"id":"bad","body":"x"})"), {});
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
  const json body = json::parse(response.body);
  EXPECT_EQ(body["status"], 422);
  EXPECT_EQ(body["accepted"], 0);
  EXPECT_EQ(body["errors"][0]["field"], "id");
}

TEST_F(EventsApiTest, NoneButTooLargeIs413) {
  const std::string giant = R"({"body":")" + std::string(1'000'000, 'x') + R"("})";
  EXPECT_EQ(answer(records(giant), {}).status, 413);
  EXPECT_EQ(answer(records("[" + giant + R"(,{"id":1}])"), {}).status, 422);
  EXPECT_EQ(answer(records(R"({"body":"x"})"), Outcomes{EventOutcome::too_large}).status, 413);
}

TEST_F(EventsApiTest, UnknownIs504BeforeAllElse) {
  const auto response =
      answer(records(kBody), Outcomes{EventOutcome::unknown, EventOutcome::unavailable});
  EXPECT_EQ(response.status, 504);
  const json body = json::parse(response.body);
  ASSERT_EQ(body["errors"].size(), 3U);
  EXPECT_EQ(body["errors"][0]["code"], "unknown");
  EXPECT_EQ(body["errors"][1]["code"], "invalid");
  EXPECT_EQ(body["errors"][2]["code"], "unavailable");
}

TEST_F(EventsApiTest, NotStoredIs503) {
  const auto response =
      answer(records(kBody), Outcomes{EventOutcome::accepted, EventOutcome::unavailable});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.get("Retry-After"), "1");
  EXPECT_EQ(json::parse(response.body)["accepted"], 1);
}

TEST_F(EventsApiTest, AnEmptyArrayIsAccepted) {
  EXPECT_EQ(answer(records("[]"), {}).body, R"({"accepted":0,"rejected":0,"errors":[]})");
}

TEST_F(EventsApiTest, NoneReadableIs400) {
  const auto nothing = answer(records("{\nx\n", "application/x-ndjson"), {});
  EXPECT_EQ(nothing.status, 400);
  EXPECT_EQ(json::parse(nothing.body)["errors"][1]["code"], "malformed");
  EXPECT_EQ(answer(records("{\n{}\n", "application/x-ndjson"), {}).status, 422);
}

TEST_F(EventsApiTest, RefusalsAreProblems) {
  const auto response =
      api_.refuse(request(""), Refusal::unavailable("queue_full", "full", std::chrono::seconds(7)));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.get("Retry-After"), "7");
  EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
  EXPECT_EQ(json::parse(response.body)["detail"], "full");
  EXPECT_EQ(api_.refuse(request(""), Refusal::unknown("?")).status, 504);
}

}  // namespace
}  // namespace stormlog::pipeline
