// What the gateway takes, refuses, and says to it, over real sockets.

#include <nlohmann/json.hpp>

#include "common/compression/compression_test_support.hpp"
#include "pipeline/gateway/api_gateway_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Mode = FakeProducer::Mode;

TEST_F(ApiGatewayTest, PassesEventsOn) {
  FakeProducer producer;
  start(test_config(producer.url()));
  ASSERT_TRUE(wait([&] { return get("/readyz").status == 200; }));
  const auto response =
      post(R"([{"id":"01890a5d-ac96-774b-bcce-b302099a8057","body":"x"},{"id":1},{"body":"y"}])");
  EXPECT_EQ(response.status, 202);
  const json body = json::parse(response.body);
  EXPECT_EQ(body["accepted"], 2);
  EXPECT_EQ(body["rejected"], 1);
  EXPECT_EQ(body["errors"][0]["index"], 1);
  EXPECT_EQ(producer.events(), 2);
  EXPECT_EQ(producer.ids().count(*Uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057")), 1U);
  EXPECT_EQ(stop(), 0);
}

TEST_F(ApiGatewayTest, RefusesWithoutAskingTheProducer) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.service.limits.max_body_bytes = 100'000;
  start(std::move(config));
  EXPECT_EQ(post("{").status, 400);
  EXPECT_EQ(post("x", "text/plain").status, 415);
  EXPECT_EQ(post(R"({"id":1})").status, 422);
  EXPECT_EQ(post(std::string(200'000, ' ')).status, 413);
  EXPECT_EQ(post("[]").status, 202);
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_EQ(producer.batches(), 0);
}

// The rows of the table of codes that a request alone brings about.
TEST_F(ApiGatewayTest, EachCodeHasItsReason) {
  FakeProducer producer;
  auto config = test_config(producer.url());
  config.service.limits.max_body_bytes = 100'000;
  start(std::move(config));
  struct Row {
    int status;
    std::string type;
    std::string encoding;
    std::string body;
  };
  const std::string event = R"({"body":"x"})";
  const std::string bomb = R"({"body":")" + std::string(200'000, 'x') + R"("})";
  const std::vector<Row> table = {
      {202, "application/json", "", event},
      {202, "application/json", "gzip", compression::gzipped(event)},
      {202, "application/json", "zstd", compression::zstandard(event)},
      {202, "application/x-ndjson", "", event + "\n{\n" + event},
      {400, "application/json", "", "{"},
      {400, "application/json", "gzip", event},
      {400, "application/json", "zstd", compression::zstandard(event).substr(0, 12)},
      {400, "application/x-ndjson", "", "{\n"},
      {413, "application/json", "", bomb},
      {413, "application/json", "gzip", compression::gzipped(bomb)},
      {413, "application/json", "zstd", compression::zstandard(bomb)},
      {415, "text/plain", "", event},
      {415, "application/json", "br", event},
      {422, "application/json", "", R"({"id":1})"},
  };
  for (const Row& row : table) {
    http::FetchRequest request;
    request.method = "POST";
    request.headers.set("Content-Type", row.type);
    if (!row.encoding.empty()) request.headers.set("Content-Encoding", row.encoding);
    request.body = row.body;
    const auto response = fetch(std::move(request), "/api/v1/logs");
    EXPECT_EQ(response.status, row.status)
        << row.type << " " << row.encoding << ": " << response.body;
    EXPECT_EQ(response.headers.get("Content-Type"),
              row.status == 202 ? "application/json" : "application/problem+json");
  }
  EXPECT_EQ(post_with_key(event), 202);
  EXPECT_EQ(post_with_key(event), 202);
  EXPECT_EQ(post_with_key(R"({"body":"y"})"), 409);
}

TEST_F(ApiGatewayTest, AKeyIsFreeAgainWhenNothingWasStored) {
  FakeProducer producer;
  start(test_config(producer.url()));
  producer.set_mode(Mode::unavailable);
  EXPECT_EQ(post_with_key(R"({"body":"x"})"), 503);
  producer.set_mode(Mode::unknown);
  EXPECT_EQ(post_with_key(R"({"body":"y"})"),
            504);  // may be stored: it is this body's from here on
  producer.set_mode(Mode::accept);
  EXPECT_EQ(post_with_key(R"({"body":"x"})"), 409);
  EXPECT_EQ(post_with_key(R"({"body":"y"})"), 202);
}

TEST_F(ApiGatewayTest, EachApiAnswersInItsOwnWay) {
  FakeProducer producer;
  start(test_config(producer.url()));
  const auto send = [&](const std::string& path, const std::string& body) {
    http::FetchRequest request;
    request.method = "POST";
    request.headers.set("Content-Type", "application/json");
    request.body = body;
    return fetch(std::move(request), path);
  };
  const std::string otlp =
      R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}}]}]}]})";
  const std::string loki =
      R"({"streams":[{"stream":{"app":"x"},"values":[["1769860800500000000","a"]]}]})";
  EXPECT_EQ(send("/v1/logs", otlp).status, 200);
  EXPECT_EQ(send("/loki/api/v1/push", loki).status, 204);
  EXPECT_EQ(producer.events(), 2);
  EXPECT_EQ(send("/v1/logs", "{").status, 400);
  EXPECT_EQ(send("/loki/api/v1/push", "{").status, 400);

  producer.set_mode(Mode::unavailable);
  for (const auto& [path, body] :
       {std::pair{"/v1/logs", otlp}, std::pair{"/loki/api/v1/push", loki}}) {
    const auto response = send(path, body);
    EXPECT_EQ(response.status, 503) << path;
    EXPECT_EQ(response.headers.get("Retry-After"), "7") << path;
  }
  producer.kill();
  ASSERT_TRUE(wait([&] { return state() == "open"; }));
  const auto refused = send("/v1/logs", otlp);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(json::parse(refused.body)["code"], 14);
  EXPECT_THAT(refused.headers.get("Retry-After"), ::testing::Not(""));
}

}  // namespace
}  // namespace stormlog::pipeline
