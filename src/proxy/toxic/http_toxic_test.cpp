#include <gtest/gtest.h>

#include "proxy/toxic/body_scanner.hpp"
#include "proxy/toxic/chain.hpp"
#include "proxy/toxic/stage_test_support.hpp"

namespace stormlog::proxy {
namespace {

using Values = std::vector<std::pair<std::string, AttributeValue>>;

// Both directions of a connection under one http toxic.
class HttpToxic : public testing::Test {
 protected:
  void with(const Values& values) {
    toxic_.type = find_toxic_type("http");
    toxic_.id = 1;
    toxic_.name = "http";
    toxic_.attributes = Attributes(toxic_.type->attributes);
    for (const auto& [name, value] : values) {
      ASSERT_TRUE(toxic_.attributes.set(*toxic_.type->attribute(name), value).ok()) << name;
    }
    apply({std::make_shared<const Toxic>(toxic_)});
  }
  void apply(const Toxics& toxics) {
    up_.apply(toxics, server_.now);
    down_.apply(toxics, server_.now);
    run();
  }
  void client(const std::string& bytes) {
    up_.push({ByteSlice::copy_of(bytes), server_.now}, server_.now);
    run();
  }
  // In pieces of one byte.
  void client_slowly(const std::string& bytes) {
    for (const char byte : bytes) client(std::string(1, byte));
  }
  void server(const std::string& bytes) {
    down_.push({ByteSlice::copy_of(bytes), client_.now}, client_.now);
    run();
  }
  void pass(Nanoseconds time) {
    server_.now += time;
    client_.now += time;
    run();
  }
  void run() {
    for (Chain* chain : {&up_, &down_}) {
      for (auto due = chain->deadline(); due && *due <= server_.now && !chain->over();
           due = chain->deadline()) {
        chain->wake(server_.now);
      }
    }
  }
  std::size_t seen_ = 0;
  std::string at_server() const { return server_.bytes(); }
  std::string at_client() const { return client_.bytes(); }

  Toxic toxic_{0, "", nullptr, Stream::upstream, 1, Attributes({})};
  Chain::Both both_;
  Recorder server_;
  Recorder client_;
  Chain up_{Stream::upstream, {Random(1)}, server_, &both_};
  Chain down_{Stream::downstream, {Random(1)}, client_, &both_};
};

const std::string kGet = "GET /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kPost = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
const std::string kChunked =
    "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: "
    "y\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string k503 =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 4\r\n\r\nbusy";

TEST_F(HttpToxic, WithoutAnEffectEverythingPassesAsItIs) {
  with({});
  client_slowly(kGet + kPost + kChunked + "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(at_server(), kGet + kPost + kChunked + "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string answers =
      "HTTP/1.1 100 Continue\r\n\r\n" + kOk +
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + kOk +
      "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
  for (const char byte : answers) server(std::string(1, byte));
  EXPECT_EQ(at_client(), answers);
}

TEST_F(HttpToxic, AnswersWithTheStatusAndTheUpstreamSeesNothing) {
  with({{"status", whole(503)}, {"body", std::string("busy")}});
  client(kPost);
  client_slowly(kChunked);
  EXPECT_EQ(at_server(), "");
  EXPECT_EQ(at_client(), k503 + k503);
}

TEST_F(HttpToxic, OnlyWhatMatchesIsHit) {
  with({{"status", whole(503)},
        {"body", std::string("busy")},
        {"method", std::string("GET")},
        {"path", std::string("/a*")}});
  client(kPost);
  client(kGet);
  EXPECT_EQ(at_server(), kPost);
  // In the order of the requests: the answer to the first comes first.
  EXPECT_EQ(at_client(), "");
  server(kOk);
  EXPECT_EQ(at_client(), kOk + k503);
}

TEST_F(HttpToxic, AnAnswerGoesBetweenThoseOfTheServer) {
  with({{"status", whole(503)}, {"body", std::string("busy")}, {"path", std::string("/a")}});
  client(kPost + kGet + kPost);
  EXPECT_EQ(at_server(), kPost + kPost);
  server(kOk + kOk);
  EXPECT_EQ(at_client(), kOk + k503 + kOk);
}

TEST_F(HttpToxic, DelaysTheRequestAndThoseBehindIt) {
  with({{"delay", whole(50)}, {"path", std::string("/a")}});
  client(kGet + kPost);
  pass(milliseconds(49));
  EXPECT_EQ(at_server(), "");
  pass(milliseconds(1));
  EXPECT_EQ(at_server(), kGet + kPost);
}

TEST_F(HttpToxic, AbortsTheConnection) {
  with({{"abort", std::string("reset")}, {"path", std::string("/b")}});
  client(kGet);
  EXPECT_FALSE(server_.was_reset);
  client(kPost);
  EXPECT_TRUE(server_.was_reset);
  EXPECT_EQ(at_server(), kGet);
}

TEST_F(HttpToxic, AShareOfTheRequests) {
  with({{"status", whole(503)}, {"share", 0.3}});
  for (int i = 0; i < 200; ++i) {
    client(kGet);
    if (!at_server().empty() && at_server().size() > seen_) server(kOk);
    seen_ = at_server().size();
  }
  const double passed = static_cast<double>(at_server().size() / kGet.size());
  EXPECT_NEAR(passed, 140, 30);
}

TEST_F(HttpToxic, WhatIsNoHttpPasses) {
  with({{"status", whole(503)}});
  const std::string hello("\x16\x03\x01 not a request\r\n\r\n and more");
  client(hello);
  EXPECT_EQ(at_server(), hello);
  server("any answer");
  EXPECT_EQ(at_client(), "any answer");
}

TEST_F(HttpToxic, AnUpgradeEndsTheLooking) {
  with({{"status", whole(503)}, {"path", std::string("/a")}});
  const std::string upgrade =
      "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  client(upgrade);
  client(kGet);
  EXPECT_EQ(at_server(), upgrade + kGet);
}

TEST_F(HttpToxic, ItsRemovalLetsTheRestThrough) {
  with({{"delay", whole(60'000)}});
  client(kGet);
  EXPECT_EQ(at_server(), "");
  apply({});
  EXPECT_EQ(at_server(), kGet);
  client(kPost);
  server(kOk);
  EXPECT_EQ(at_server(), kGet + kPost);
  EXPECT_EQ(at_client(), kOk);
}

TEST_F(HttpToxic, ItsOwnAnswerOutlivesItsRemoval) {
  with({{"status", whole(503)}, {"body", std::string("busy")}, {"path", std::string("/a")}});
  client(kPost + kGet);
  EXPECT_EQ(at_server(), kPost);
  apply({});
  EXPECT_EQ(at_client(), "");
  client(kGet);
  EXPECT_EQ(at_server(), kPost + kGet);
  server(kOk + kOk);
  EXPECT_EQ(at_client(), kOk + k503 + kOk);
}

TEST_F(HttpToxic, AfterTheServersEndNothingIsAnswered) {
  with({{"status", whole(503)}, {"path", std::string("/b")}});
  client(kPost.substr(0, kPost.size() - 2));
  down_.end(client_.now);
  const std::string before = at_client();
  client(kPost.substr(kPost.size() - 2) + kPost + kGet);
  EXPECT_EQ(at_client(), before);
  EXPECT_EQ(at_server(), kPost + kGet);  // the first was swallowed to its end
}

TEST_F(HttpToxic, AnUpdateCountsForTheNextRequest) {
  with({});
  client(kGet);
  server(kOk);
  with({{"status", whole(503)}, {"body", std::string("busy")}});
  client(kGet);
  EXPECT_EQ(at_server(), kGet);
  EXPECT_EQ(at_client(), kOk + k503);
}

TEST(BodyScanner, ABrokenChunkIsNoticed) {
  http::MessageHead head;
  head.body = http::MessageHead::Body::chunked;
  for (const char* broken : {"zz\r\n", "\r\n", "fffffffffffffffff\r\n", "1\r\nabc\r\n"}) {
    BodyScanner scanner(head);
    scanner.feed(broken);
    EXPECT_TRUE(scanner.broken()) << broken;
  }
}

}  // namespace
}  // namespace stormlog::proxy
