#include <cmath>

#include "proxy/engine/engine_test_support.hpp"

namespace stormlog::proxy {
namespace {

constexpr Stream kBoth[] = {Stream::upstream, Stream::downstream};

// Each toxic in both directions, on a connection that was there before it and on a new one.
class OnBothStreams : public ::testing::TestWithParam<std::tuple<Stream, bool>> {
 protected:
  OnBothStreams() : stream_(std::get<0>(GetParam())), live_(std::get<1>(GetParam())) {}

  // A client whose connection is hit by the toxic.
  TestSocket client_with(TestProxy& proxy, const std::string& type,
                         const TestProxy::Values& values) {
    if (!live_) proxy.add(type, stream_, values);
    auto client = TestSocket::connected(proxy.port());
    if (live_) {
      client.send("!");
      EXPECT_EQ(client.receive(1), "!");
      proxy.add(type, stream_, values);
    }
    return client;
  }
  static double round_trip(TestSocket& client, const std::string& bytes = "x") {
    const MonotonicTime start = now();
    EXPECT_TRUE(client.send(bytes));
    EXPECT_EQ(client.receive(bytes.size()), bytes);
    return milliseconds_since(start);
  }

  const Stream stream_;
  const bool live_;
  TestServer server_{TestServer::echo};
};
INSTANTIATE_TEST_SUITE_P(Toxics, OnBothStreams,
                         ::testing::Combine(::testing::ValuesIn(kBoth), ::testing::Bool()),
                         [](const auto& test) {
                           return std::string(to_string(std::get<0>(test.param))) +
                                  (std::get<1>(test.param) ? "Live" : "New");
                         });

TEST_P(OnBothStreams, LatencyDelaysAndIsNeverEarly) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "latency", {{"latency", whole(30)}});
  for (int i = 0; i < 5; ++i) EXPECT_GE(round_trip(client), 30.0);
  proxy.clear();
  client.send("x");
  EXPECT_EQ(client.receive(1), "x");
}

TEST_P(OnBothStreams, RemovingLatencyReleasesWhatItHeld) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "latency", {{"latency", whole(60'000)}});
  client.send("late");
  EXPECT_FALSE(client.readable_within(50));
  proxy.clear();
  EXPECT_EQ(client.receive(4), "late");
}

TEST_P(OnBothStreams, BandwidthHoldsTheRate) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "bandwidth", {{"rate", whole(1000)}});
  const std::string bytes = pattern(200'000);
  const MonotonicTime start = now();
  std::thread writer([&] { client.send(bytes); });
  EXPECT_TRUE(client.receive(bytes.size()) == bytes);
  writer.join();
  EXPECT_GE(milliseconds_since(start), 195.0);  // a piece of 5 ms may have left at once
}

TEST_P(OnBothStreams, BandwidthOfZeroStallsAndTheRestFollows) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "bandwidth", {{"rate", whole(0)}});
  client.send("stalled");
  EXPECT_FALSE(client.readable_within(50));
  proxy.update("bandwidth", {{"rate", whole(100'000)}});
  EXPECT_EQ(client.receive(7), "stalled");
}

TEST_P(OnBothStreams, SlicerCutsAndLosesNothing) {
  TestProxy proxy(server_.address());
  auto client = client_with(
      proxy, "slicer",
      {{"average_size", whole(100)}, {"size_variation", whole(50)}, {"delay", whole(2000)}});
  const std::string bytes = pattern(1000);
  EXPECT_GE(round_trip(client, bytes), 2.0 * (1000 / 150 - 1));
}

TEST_P(OnBothStreams, TimeoutDropsAndCloses) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "timeout", {{"timeout", whole(50)}});
  const MonotonicTime start = now();
  client.send("lost");
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_GE(milliseconds_since(start), live_ ? 0.0 : 40.0);
}

TEST_P(OnBothStreams, TimeoutOfZeroNeverClosesUntilItIsRemoved) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "timeout", {{"timeout", whole(0)}});
  client.send("lost");
  EXPECT_FALSE(client.readable_within(80));
  proxy.clear();
  EXPECT_EQ(client.receive_all(), "");
}

TEST_P(OnBothStreams, ResetPeerResetsBothEnds) {
  std::promise<int> seen;
  TestServer server([&](TestSocket socket) {
    int error = 0;
    for (;;) {
      const std::string bytes = socket.receive_some(100, &error);
      if (bytes.empty()) break;
      socket.send(bytes);
    }
    seen.set_value(error);
  });
  TestProxy proxy(server.address());
  auto client = client_with(proxy, "reset_peer", {{"timeout", whole(30)}});
  const MonotonicTime start = now();
  client.send("x");
  int error = 0;
  client.receive_all(&error);
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_GE(milliseconds_since(start), 30.0);
  EXPECT_EQ(seen.get_future().get(), ECONNRESET);
}

TEST_P(OnBothStreams, LimitDataClosesAtTheLimit) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "limit_data", {{"bytes", whole(10)}});
  client.send("0123456789abc");
  EXPECT_EQ(client.receive_all(), stream_ == Stream::upstream ? "" : "0123456789");
}

TEST_P(OnBothStreams, NoopPassesEverything) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "noop", {});
  round_trip(client, pattern(100'000));
}

TEST_P(OnBothStreams, LossStallsByTheRetransmissionTimeOut) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "loss", {{"probability", 0.5}, {"rto", whole(20)}});
  int stalled = 0;
  for (int i = 0; i < 40; ++i) stalled += round_trip(client) >= 20.0 ? 1 : 0;
  // Half of them, by a seeded generator; a slow machine can only stall more.
  EXPECT_GE(stalled, 10);
}

TEST_P(OnBothStreams, CorruptFlipsOneBitOfASegment) {
  TestProxy proxy(server_.address());
  auto client = client_with(proxy, "corrupt", {{"probability", 1.0}});
  const std::string bytes = pattern(1000);
  client.send(bytes);
  const std::string received = client.receive(bytes.size());
  ASSERT_EQ(received.size(), bytes.size());
  int bits = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bits += std::popcount(static_cast<unsigned char>(bytes[i] ^ received[i]));
  }
  EXPECT_GE(bits, 1);
  EXPECT_LE(bits, 20);  // one for each chunk that the bytes came in
}

TEST_P(OnBothStreams, ToxicityHitsAShareOfTheConnections) {
  TestProxy proxy(server_.address());
  proxy.add("timeout", stream_, {{"timeout", whole(0)}}, 0.3);
  int hit = 0;
  constexpr int kTries = 60;
  std::vector<TestSocket> clients;
  for (int i = 0; i < kTries; ++i) {
    clients.push_back(TestSocket::connected(proxy.port()));
    clients.back().send("x");
  }
  // Those that are not hit answer; the others never do.
  std::this_thread::sleep_for(milliseconds(300));
  for (auto& client : clients) hit += client.readable_within(0) ? 0 : 1;
  EXPECT_NEAR(hit, 0.3 * kTries, 4 * std::sqrt(kTries * 0.3 * 0.7));
}

TEST(SlowClose, DelaysTheFinOfEachDirection) {
  for (const Stream stream : kBoth) {
    std::promise<MonotonicTime> server_end;
    TestServer server([&](TestSocket socket) {
      socket.receive_all();
      server_end.set_value(now());
    });
    TestProxy proxy(server.address());
    proxy.add("slow_close", stream, {{"delay", whole(60)}});
    auto client = TestSocket::connected(proxy.port());
    const MonotonicTime start = now();
    client.end();
    client.receive_all();
    EXPECT_GE(milliseconds_since(start), 60.0) << to_string(stream);
    server_end.get_future().wait();
  }
}

TEST(HalfOpen, AcceptsAndDialsOnlyWhenItIsGone) {
  TestServer server(TestServer::echo);
  TestProxy proxy(server.address());
  proxy.add("half_open", Stream::downstream);
  auto client = TestSocket::connected(proxy.port());
  client.send("anyone?");
  EXPECT_FALSE(client.readable_within(80));
  EXPECT_EQ(server.accepted(), 0);
  proxy.clear();
  EXPECT_EQ(client.receive(7), "anyone?");
}

TEST(HalfOpen, AClientThatGivesUpIsForgotten) {
  TestServer server(TestServer::echo);
  TestProxy proxy(server.address());
  proxy.add("half_open", Stream::downstream);
  auto client = TestSocket::connected(proxy.port());
  client.send("x");
  ASSERT_TRUE(eventually([&] { return proxy.engine().connections() == 1; }));
  client.close();
  EXPECT_TRUE(eventually([&] { return proxy.engine().connections() == 0; }));
}

TEST(Refuse, ThePortRefusesAndComesBack) {
  TestServer server(TestServer::echo);
  TestProxy proxy(server.address());
  auto before = TestSocket::connected(proxy.port());
  before.send("1");
  EXPECT_EQ(before.receive(1), "1");
  proxy.add("refuse", Stream::downstream);
  TestSocket refused;
  EXPECT_EQ(refused.connect(proxy.port()), ECONNREFUSED);
  before.send("2");
  EXPECT_EQ(before.receive(1), "2");
  proxy.clear();
  auto after = TestSocket::connected(proxy.port());
  after.send("3");
  EXPECT_EQ(after.receive(1), "3");
}

TEST(Http, AnswersForTheUpstreamAndLetsTheRestThrough) {
  TestServer server([](TestSocket socket) {
    while (!socket.receive_some(4096).empty()) {
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  const auto ask = [&client](const std::string& path) {
    client.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string head = client.receive(12);
    while (client.readable_within(20)) client.receive_some(4096);
    return head;
  };
  EXPECT_EQ(ask("/a"), "HTTP/1.1 200");
  proxy.add("http", Stream::downstream, {{"status", whole(503)}, {"path", std::string("/a")}});
  EXPECT_EQ(ask("/a"), "HTTP/1.1 503");
  EXPECT_EQ(ask("/b"), "HTTP/1.1 200");
  proxy.update("http", {{"status", whole(429)}});
  EXPECT_EQ(ask("/a"), "HTTP/1.1 429");
  proxy.clear();
  EXPECT_EQ(ask("/a"), "HTTP/1.1 200");
}

// The same seed and the same traffic hit the same connections.
TEST(Seed, DecidesWhichConnectionsAreHit) {
  const auto hits = [](std::uint64_t seed) {
    TestServer server(TestServer::echo);
    EventLog events;
    TestProxy proxy(server.address(), {}, seed, &events);
    proxy.add("noop", Stream::downstream, {}, 0.5);
    for (int i = 0; i < 20; ++i) {
      auto client = TestSocket::connected(proxy.port());
      client.send("x");
      EXPECT_EQ(client.receive(1), "x");
    }
    std::vector<std::string> hit;
    for (const auto& line : events.lines()) {
      if (line.starts_with("toxic_on")) hit.push_back(line);
    }
    std::sort(hit.begin(), hit.end());
    return hit;
  };
  const auto first = hits(7);
  EXPECT_EQ(first, hits(7));
  EXPECT_NE(first, hits(8));
  EXPECT_GT(first.size(), 3U);
  EXPECT_LT(first.size(), 17U);
}

}  // namespace
}  // namespace stormlog::proxy
