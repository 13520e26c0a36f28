#include "pipeline/ingest/ingest_reader.hpp"
#include "pipeline/event/identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/ingest/ingest_test_support.hpp"

namespace stormlog::pipeline {
namespace {

using ::testing::HasSubstr;

class IngestReaderTest : public IngestTest {};

TEST_F(IngestReaderTest, EveryMediaTypeIsRead) {
  const std::string event = R"({"body":"x"})";
  const std::string cloud = R"({"specversion":"1.0","id":"1","source":"s","type":"t"})";
  const std::vector<std::pair<std::string, std::string>> table = {
      {"application/json", event},
      {"application/json; charset=utf-8", event},
      {"APPLICATION/JSON", event},
      {"", event},
      {"application/x-ndjson", event + "\n" + event},
      {"application/ndjson", event + "\n" + event},
      {"application/jsonl", event + "\n" + event},
      {"application/x-jsonlines", event + "\n" + event},
      {"application/cloudevents+json", cloud},
      {"application/cloudevents+json; charset=utf-8", cloud},
      {"application/cloudevents-batch+json", "[" + cloud + "]"},
  };
  for (const auto& [type, body] : table) {
    http::Request post = request(body);
    post.headers.set("Content-Type", type);
    const ParsedRecords parsed = read(std::move(post));
    EXPECT_GT(parsed.count, 0U) << type;
    EXPECT_TRUE(parsed.errors.empty()) << type;
  }
}

TEST_F(IngestReaderTest, OtherMediaTypesAre415) {
  http::Request post = request("a=b");
  post.headers.set("Content-Type", "application/x-www-form-urlencoded");
  const Refusal refusal = refused(post);
  EXPECT_EQ(refusal.status, 415);
  EXPECT_EQ(refusal.reason, "media_type");
  EXPECT_THAT(std::string(refusal.headers.get("Accept-Post")),
              HasSubstr("application/json, application/x-ndjson"));
  EXPECT_THAT(refusal.detail, HasSubstr("x-www-form-urlencoded"));
}

TEST_F(IngestReaderTest, BytesThatAreNoTextAreNotSaidBack) {
  const Refusal refusal = refused(request("x", "text/\xFF\x01" + std::string(1'000, 'y')));
  EXPECT_EQ(refusal.status, 415);
  EXPECT_THAT(refusal.detail, HasSubstr("text/??yyy"));
  EXPECT_LT(refusal.detail.size(), 600U);
}

TEST_F(IngestReaderTest, HeadersMakeACloudEvent) {
  http::Request post = request("17");
  post.headers.set("ce-specversion", "1.0");
  post.headers.set("ce-id", "1");
  post.headers.set("ce-source", "s");
  post.headers.set("ce-type", "t");
  EXPECT_EQ(read(post).count, 1U);
  post.headers.set("Content-Type", "text/plain");
  EXPECT_EQ(read(post).count, 1U);
  // Structured mode goes before: its headers are only a copy.
  post.headers.set("Content-Type", "application/cloudevents+json");
  EXPECT_EQ(refused(post).status, 400);
}

TEST_F(IngestReaderTest, DecompressesWhatIsDeclared) {
  const std::string body = R"({"body":")" + std::string(1'000, 'x') + R"("})";
  for (const char* encoding : {"gzip", "x-gzip", "GZIP", "zstd", "deflate", "identity", ""}) {
    http::Request post = request(packed(body, encoding));
    post.headers.set("Content-Encoding", encoding);
    EXPECT_EQ(read(std::move(post)).count, 1U) << encoding;
  }
}

TEST_F(IngestReaderTest, UnknownEncodingsAre415) {
  for (const char* encoding : {"br", "compress", "gzip, gzip", "gzip,zstd", "x"}) {
    http::Request post = request("xx");
    post.headers.set("Content-Encoding", encoding);
    const Refusal refusal = refused(post);
    EXPECT_EQ(refusal.status, 415) << encoding;
    EXPECT_EQ(refusal.headers.get("Accept-Encoding"), "gzip, zstd, deflate, identity");
  }
}

TEST_F(IngestReaderTest, ABombIs413) {
  const std::string bomb = R"({"body":")" + std::string(kMaxBody, 'x') + R"("})";
  for (const char* encoding : {"gzip", "zstd", "deflate"}) {
    http::Request post = request(packed(bomb, encoding));
    post.headers.set("Content-Encoding", encoding);
    const Refusal refusal = refused(post);
    EXPECT_EQ(refusal.status, 413) << encoding;
    EXPECT_EQ(refusal.reason, "too_large");
  }
}

TEST_F(IngestReaderTest, CutOrForeignBytesAre400) {
  const std::string body = R"({"body":"a text that is somewhat longer"})";
  for (const char* encoding : {"gzip", "zstd", "deflate"}) {
    const std::string whole = packed(body, encoding);
    for (const std::string& bad : {whole.substr(0, whole.size() - 3), std::string(), body}) {
      http::Request post = request(bad);
      post.headers.set("Content-Encoding", encoding);
      const Refusal refusal = refused(post);
      EXPECT_EQ(refusal.status, 400) << encoding;
      EXPECT_EQ(refusal.reason, "malformed");
      EXPECT_THAT(refusal.detail, HasSubstr("Content-Encoding"));
    }
  }
}

TEST_F(IngestReaderTest, MalformedAndTooMany) {
  EXPECT_EQ(refused(request("{")).status, 400);
  EXPECT_EQ(refused(request("")).status, 400);
  std::string many = "[";
  for (int i = 0; i < 10'001; ++i) many += i == 0 ? "1" : ",1";
  EXPECT_EQ(refused(request(many + "]")).status, 413);
  http::Request keyed = request(R"({"body":"x"})");
  keyed.headers.set("Idempotency-Key", "two words");
  EXPECT_EQ(refused(keyed).status, 400);
}

TEST_F(IngestReaderTest, HeadersReachTheEvents) {
  http::Request post = request(R"({"body":"x"})");
  post.headers.set("Idempotency-Key", "k");
  post.headers.set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  const ParsedRecords parsed = read(post);
  const auto events = decode_frames(parsed.frames, parsed.count);
  EXPECT_EQ((*events)[0].id.bytes[6] >> 4, 8);
  EXPECT_EQ((*events)[0].traceparent.size(), 55U);
  EXPECT_EQ((*events)[0].received_ns, clock_.wall_now().time_since_epoch().count());
}

TEST_F(IngestReaderTest, AnInvalidTraceparentBeginsANewTrace) {
  http::Request post = request(R"({"body":"x"})");
  post.headers.set("traceparent", "nonsense");
  post.headers.set("tracestate", "rojo=1");
  auto outcome = reader_.read(api_, post);
  const ParsedRecords& parsed = std::get<ReadRequest>(outcome).records;
  const auto event = (*decode_frames(parsed.frames, parsed.count))[0];
  EXPECT_TRUE(is_traceparent(event.traceparent)) << event.traceparent;
  EXPECT_TRUE(event.traceparent.ends_with("-00"));
  EXPECT_EQ(event.tracestate, "");  // it belonged to what could not be read
  // Logs show the id that the event has.
  EXPECT_EQ(post.headers.get("traceparent"), event.traceparent);
  // An event's own trace is better than a new one.
  http::Request own = request(
      R"({"body":"x","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7"})");
  own.headers.set("traceparent", "nonsense");
  const ParsedRecords kept = read(own);
  EXPECT_EQ((*decode_frames(kept.frames, kept.count))[0].traceparent,
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  // Without a traceparent nobody has asked for a trace.
  const ParsedRecords none = read(request(R"({"body":"x"})"));
  EXPECT_EQ((*decode_frames(none.frames, none.count))[0].traceparent, "");
}

TEST_F(IngestReaderTest, TracestateGoesAlongWithItsTraceparent) {
  const auto reaches = [&](const std::vector<std::string>& fields, bool with_parent = true) {
    http::Request post = request(R"([{"body":"x"},{"body":"y"}])");
    if (with_parent) {
      post.headers.set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    }
    for (const std::string& field : fields) post.headers.add("Tracestate", field);
    const ParsedRecords parsed = read(post);
    const auto events = *decode_frames(parsed.frames, parsed.count);
    EXPECT_EQ(events[0].tracestate, events[1].tracestate);
    EXPECT_EQ(events[0].traceparent.size(), with_parent ? 55U : 0U);
    return std::string(events[0].tracestate);
  };
  EXPECT_EQ(reaches({"rojo=1, congo=2"}), "rojo=1,congo=2");
  EXPECT_EQ(reaches({"rojo=1", "congo=2"}), "rojo=1,congo=2");  // several fields are one list
  EXPECT_EQ(reaches({"rojo"}), "");                             // the traceparent is kept
  EXPECT_EQ(reaches({}), "");
  EXPECT_EQ(reaches({"rojo=1"}, false), "");
}

TEST_F(IngestReaderTest, TraceContextIsReadStrictly) {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto reaches = [&](http::Request post) {
    const ParsedRecords parsed = read(std::move(post));
    return std::string((*decode_frames(parsed.frames, parsed.count))[0].traceparent);
  };
  http::Request post = request(R"({"body":"x"})");
  post.headers.set("traceparent", good);
  EXPECT_EQ(reaches(post), good);
  post.headers.set("traceparent", "01" + good.substr(2) + "-more");
  EXPECT_EQ(reaches(post), good);
  post.headers.set("traceparent", good);
  post.headers.add("Traceparent", good);
  EXPECT_TRUE(is_traceparent(reaches(post)));  // two are none: a new trace
  EXPECT_NE(reaches(post), good);
}

TEST_F(IngestReaderTest, AKeyThatWasSentWithAnotherBodyIs409) {
  http::Request post = request(R"({"body":"x"})");
  post.headers.set("Idempotency-Key", "k");
  const auto send = [&](http::Request copy) { return reader_.read(api_, copy); };
  auto first = send(post);
  std::get<ReadRequest>(first).claim.keep();
  EXPECT_TRUE(std::holds_alternative<ReadRequest>(send(post)));
  http::Request other = post;
  other.body = R"({"body":"y"})";
  const auto refused = send(other);
  ASSERT_TRUE(std::holds_alternative<Refusal>(refused));
  EXPECT_EQ(std::get<Refusal>(refused).status, 409);
  EXPECT_EQ(std::get<Refusal>(refused).reason, "conflict");
  // The same body, though compressed this time.
  http::Request small = post;
  small.body = packed(post.body, "gzip");
  small.headers.set("Content-Encoding", "gzip");
  EXPECT_TRUE(std::holds_alternative<ReadRequest>(send(small)));
}

TEST_F(IngestReaderTest, AKeyIsFreeWhenItsBodyWasRefused) {
  http::Request post = request("{");
  post.headers.set("Idempotency-Key", "k");
  EXPECT_EQ(refused(post).status, 400);
  post.body = R"({"body":"mended"})";
  EXPECT_EQ(read(post).count, 1U);
}

TEST(Refusal, RetryAfterIsAtLeastASecond) {
  using std::chrono::milliseconds;
  EXPECT_EQ(Refusal::unavailable("r", "x", milliseconds(0)).headers.get("Retry-After"), "1");
  EXPECT_EQ(Refusal::unavailable("r", "x", milliseconds(1'001)).headers.get("Retry-After"), "2");
  EXPECT_EQ(unavailable("x", milliseconds(1'001)).headers.get("Retry-After"), "2");
}

}  // namespace
}  // namespace stormlog::pipeline
