#include "proxy/engine/engine_test_support.hpp"

namespace stormlog::proxy {
namespace {

// One random change of the toxics that neither drops nor closes.
void change(TestProxy& proxy, Random& random) {
  switch (random.below(8)) {
    case 0:
      return proxy.add(
          "latency", random.chance(0.5) ? Stream::upstream : Stream::downstream,
          {{"latency", whole(static_cast<std::int64_t>(random.below(5)))}, {"jitter", whole(2)}},
          0.7, "l" + std::to_string(random.next()));
    case 1:
      return proxy.add("bandwidth", random.chance(0.5) ? Stream::upstream : Stream::downstream,
                       {{"rate", whole(20'000 + static_cast<std::int64_t>(random.below(80'000)))}},
                       0.7, "b" + std::to_string(random.next()));
    case 2:
      return proxy.add("slicer", random.chance(0.5) ? Stream::upstream : Stream::downstream,
                       {{"average_size", whole(20'000)}, {"size_variation", whole(10'000)}}, 0.7,
                       "s" + std::to_string(random.next()));
    case 3:
      return proxy.add("noop", random.chance(0.5) ? Stream::upstream : Stream::downstream, {}, 1,
                       "n" + std::to_string(random.next()));
    case 4:
      return proxy.add("loss", random.chance(0.5) ? Stream::upstream : Stream::downstream,
                       {{"probability", 0.001}, {"rto", whole(2)}}, 0.7,
                       "o" + std::to_string(random.next()));
    default:
      return proxy.clear();
  }
}

// Streams in both directions, toxics that come, change and go: no byte is lost, doubled or
// exchanged with another.
TEST(ChangeUnderLoad, EveryStreamArrivesWhole) {
  TestServer server(TestServer::echo);
  TestProxy proxy(server.address());
  std::atomic<int> running{8};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      auto client = TestSocket::connected(proxy.port());
      const std::string sent = pattern(3'000'000, static_cast<std::uint64_t>(i) + 1);
      std::thread writer([&] {
        EXPECT_TRUE(client.send(sent));
        client.end();
      });
      const std::string received = client.receive_all();
      writer.join();
      EXPECT_TRUE(received == sent) << i << ": " << received.size();
      --running;
    });
  }
  Random random(5);
  while (running > 0) {
    change(proxy, random);
    std::this_thread::sleep_for(milliseconds(3));
  }
  for (auto& client : clients) client.join();
  EXPECT_TRUE(eventually([&] { return proxy.engine().connections() == 0; }));
  EXPECT_EQ(proxy.engine().buffered(), 0);
}

// Connections that come and go, end in every way, while every kind of toxic comes and goes.
TEST(ChangeUnderLoad, AThousandConnections) {
  TestServer server(TestServer::echo);
  EngineLimits limits;
  limits.connect_timeout = seconds(5);
  TestProxy proxy(server.address(), limits);
  constexpr int kThreads = 8;
  constexpr int kEach = 125;
  std::atomic<int> running{kThreads};
  std::vector<std::thread> clients;
  for (int t = 0; t < kThreads; ++t) {
    clients.emplace_back([&, t] {
      Random random(static_cast<std::uint64_t>(t) + 100);
      for (int i = 0; i < kEach; ++i) {
        TestSocket client;
        if (client.connect(proxy.port()) != 0) continue;
        client.send(pattern(random.below(20'000)));
        if (random.chance(0.5)) client.readable_within(3);
        if (random.chance(0.3)) client.reset();
        if (random.chance(0.3)) client.end();
      }
      --running;
    });
  }
  Random random(6);
  const std::vector<std::pair<std::string, TestProxy::Values>> kinds = {
      {"latency", {{"latency", whole(2)}, {"jitter", whole(2)}}},
      {"bandwidth", {{"rate", whole(500)}}},
      {"slicer", {{"average_size", whole(500)}, {"delay", whole(10)}}},
      {"timeout", {{"timeout", whole(2)}}},
      {"reset_peer", {{"timeout", whole(1)}}},
      {"limit_data", {{"bytes", whole(3000)}}},
      {"slow_close", {{"delay", whole(3)}}},
      {"loss", {{"probability", 0.2}, {"rto", whole(2)}}},
      {"corrupt", {{"probability", 0.2}}},
      {"half_open", {}},
      {"refuse", {}},
      {"http", {{"status", whole(503)}, {"delay", whole(1)}}},
      {"noop", {}}};
  int changes = 0;
  while (running > 0) {
    const auto& [type, values] = kinds[random.below(kinds.size())];
    if (++changes % 5 == 0) {
      proxy.clear();
    } else {
      proxy.add(type, random.chance(0.5) ? Stream::upstream : Stream::downstream, values, 0.5,
                type + std::to_string(changes));
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  for (auto& client : clients) client.join();
  proxy.clear();
  EXPECT_GT(changes, 10);
  EXPECT_TRUE(eventually([&] { return proxy.engine().connections() == 0; }))
      << proxy.engine().connections();
  EXPECT_EQ(proxy.engine().buffered(), 0);
  auto client = TestSocket::connected(proxy.port());
  client.send("still here");
  EXPECT_EQ(client.receive(10), "still here");
}

// A writer at full speed into ten seconds of latency: the window is all that is held.
TEST(Memory, ALongLatencyHoldsAtMostTheWindow) {
  std::promise<void> over;
  auto until = over.get_future().share();
  TestServer server([until](TestSocket) { until.wait(); });
  EngineLimits limits;
  limits.window = 1024 * 1024;
  TestProxy proxy(server.address(), limits);
  proxy.add("latency", Stream::upstream, {{"latency", whole(10'000)}});
  auto client = TestSocket::connected(proxy.port());
  const timeval patience{0, 300'000};
  ::setsockopt(client.fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const std::string bytes = pattern(64'000'000);
  EXPECT_FALSE(client.send(bytes)) << "it was told to wait";
  EXPECT_GT(proxy.engine().buffered(), 900'000);
  EXPECT_LE(proxy.engine().buffered(), static_cast<std::int64_t>(limits.window));
  over.set_value();
}

// Small writes: what the bookkeeping of each takes counts as well.
TEST(Memory, ManySmallChunksHoldAtMostTheWindow) {
  std::promise<void> over;
  auto until = over.get_future().share();
  TestServer server([until](TestSocket) { until.wait(); });
  EngineLimits limits;
  limits.window = 64 * 1024;
  TestProxy proxy(server.address(), limits);
  proxy.add("latency", Stream::upstream, {{"latency", whole(60'000)}});
  auto client = TestSocket::connected(proxy.port());
  for (int i = 0; i < 1500; ++i) {
    client.send("x");
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_LT(proxy.received(Stream::upstream), 1500U);
  EXPECT_GT(proxy.received(Stream::upstream), 100U);
  over.set_value();
}

TEST(Memory, AllConnectionsTogetherHoldAtMostTheLimit) {
  std::promise<void> over;
  auto until = over.get_future().share();
  TestServer server([until](TestSocket) { until.wait(); });
  EngineLimits limits;
  limits.buffered = 2'000'000;
  TestProxy proxy(server.address(), limits);
  proxy.add("latency", Stream::upstream, {{"latency", whole(60'000)}});
  std::vector<TestSocket> clients;
  const std::string bytes = pattern(4'000'000);
  for (int i = 0; i < 8; ++i) {
    clients.push_back(TestSocket::connected(proxy.port()));
    const timeval patience{0, 100'000};
    ::setsockopt(clients.back().fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    clients.back().send(bytes);
  }
  // Each worker may have read one buffer more when the limit was reached.
  EXPECT_GE(proxy.engine().buffered(), 1'900'000);
  EXPECT_LE(proxy.engine().buffered(), 2'000'000 + 2 * 70'000);
  // Those that waited for memory go on when there is some.
  proxy.clear();
  EXPECT_TRUE(eventually([&] { return proxy.engine().buffered() < 2'000'000; }));
  over.set_value();
}

}  // namespace
}  // namespace stormlog::proxy
