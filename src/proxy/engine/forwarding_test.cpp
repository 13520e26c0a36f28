#include "proxy/engine/engine_test_support.hpp"

namespace stormlog::proxy {
namespace {

TEST(Forwarding, PassesBytesBothWays) {
  TestServer server(TestServer::echo);
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  ASSERT_TRUE(client.send("hello"));
  EXPECT_EQ(client.receive(5), "hello");
}

// Far more than one buffer or pipe holds, while both directions are busy.
TEST(Forwarding, LosesNoByteOfALargeStream) {
  TestServer server(TestServer::echo);
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  const std::string sent = pattern(40'000'000);
  std::thread writer([&] {
    EXPECT_TRUE(client.send(sent));
    client.end();
  });
  const std::string received = client.receive_all();
  writer.join();
  EXPECT_TRUE(received == sent) << received.size();
  EXPECT_EQ(proxy.received(Stream::upstream), sent.size());
  EXPECT_EQ(proxy.received(Stream::downstream), sent.size());
}

TEST(Forwarding, ASlowReaderGetsEverything) {
  const std::string sent = pattern(8'000'000);
  TestServer server([&](TestSocket socket) { socket.send(sent); });
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  client.set_receive_buffer(256 * 1024);
  std::string received;
  for (int i = 0; i < 20; ++i) {
    received += client.receive(10'000);
    std::this_thread::sleep_for(milliseconds(5));
  }
  received += client.receive_all();
  EXPECT_TRUE(received == sent) << received.size();
}

// The client has said all; the answer comes after that.
TEST(Forwarding, AHalfCloseLeavesTheOtherDirectionOpen) {
  TestServer server([](TestSocket socket) {
    const std::string question = socket.receive_all();
    socket.send(question + "?");
  });
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  client.send("why");
  client.end();
  int error = -1;
  EXPECT_EQ(client.receive_all(&error), "why?");
  EXPECT_EQ(error, 0);
  EXPECT_TRUE(eventually([&] { return proxy.engine().connections() == 0; }));
}

TEST(Forwarding, TheServersFinReachesTheClientAfterItsBytes) {
  TestServer server([](TestSocket socket) { socket.send("bye"); });
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  int error = -1;
  EXPECT_EQ(client.receive_all(&error), "bye");
  EXPECT_EQ(error, 0);
}

TEST(Forwarding, AClientsResetReachesTheServer) {
  std::promise<int> seen;
  TestServer server([&](TestSocket socket) {
    int error = 0;
    socket.receive_all(&error);
    seen.set_value(error);
  });
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  client.send("x");
  ASSERT_TRUE(eventually([&] { return proxy.received(Stream::upstream) == 1; }));
  client.reset();
  EXPECT_EQ(seen.get_future().get(), ECONNRESET);
}

TEST(Forwarding, AServersResetReachesTheClientAfterItsBytes) {
  TestServer server([](TestSocket socket) {
    socket.receive(2);
    socket.send("abc");
    std::this_thread::sleep_for(milliseconds(50));
    socket.reset();
  });
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  client.send("go");
  int error = 0;
  EXPECT_EQ(client.receive_all(&error), "abc");
  EXPECT_EQ(error, ECONNRESET);
}

// It has half-closed, so no read will tell that it is gone.
TEST(Forwarding, AResetAfterAHalfCloseEndsTheConnection) {
  TestServer server([](TestSocket socket) {
    socket.receive_all();
    int error = 0;
    socket.receive_some(1, &error);
    std::this_thread::sleep_for(milliseconds(50));
    while (socket.send("more")) std::this_thread::sleep_for(milliseconds(1));
  });
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  client.end();
  std::this_thread::sleep_for(milliseconds(20));
  client.reset();
  EXPECT_TRUE(eventually([&] { return proxy.engine().connections() == 0; }));
}

TEST(Forwarding, AnUpstreamThatRefusesClosesTheClient) {
  std::uint16_t free_port = 0;
  {
    TestServer server(TestServer::echo);
    free_port = server.port();
  }
  EventLog events;
  TestProxy proxy("127.0.0.1:" + std::to_string(free_port), {}, 1, &events);
  auto client = TestSocket::connected(proxy.port());
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(eventually([&] {
    return events.has("close 1 upstream not reached: Connection refused") ||
           events.has("close 1 upstream not reached: 127.0.0.1:" + std::to_string(free_port) +
                      ": Connection refused");
  }));
}

TEST(Forwarding, AnUpstreamIsFoundByName) {
  TestServer server(TestServer::echo);
  TestProxy proxy("localhost:" + std::to_string(server.port()));
  for (int i = 0; i < 3; ++i) {
    auto client = TestSocket::connected(proxy.port());
    client.send("name");
    EXPECT_EQ(client.receive(4), "name");
  }
}

TEST(Forwarding, AnUnknownNameClosesTheClient) {
  TestProxy proxy("no-such-host.invalid:1");
  auto client = TestSocket::connected(proxy.port());
  EXPECT_EQ(client.receive_all(), "");
}

TEST(Forwarding, BeyondTheMostConnectionsOneIsReset) {
  TestServer server(TestServer::echo);
  EngineLimits limits;
  limits.connections = 2;
  TestProxy proxy(server.address(), limits);
  auto first = TestSocket::connected(proxy.port());
  auto second = TestSocket::connected(proxy.port());
  first.send("1");
  second.send("2");
  EXPECT_EQ(first.receive(1), "1");
  EXPECT_EQ(second.receive(1), "2");
  TestSocket third;
  int error = third.connect(proxy.port());
  if (error == 0) third.receive_some(1, &error);
  EXPECT_EQ(error, ECONNRESET);
  first.close();
  ASSERT_TRUE(eventually([&] { return proxy.engine().connections() == 1; }));
  auto fourth = TestSocket::connected(proxy.port());
  fourth.send("4");
  EXPECT_EQ(fourth.receive(1), "4");
}

TEST(Forwarding, ClosingAProxyFreesItsPortAndEndsItsConnections) {
  TestServer server(TestServer::echo);
  TestProxy proxy(server.address());
  auto client = TestSocket::connected(proxy.port());
  client.send("1");
  EXPECT_EQ(client.receive(1), "1");
  proxy.close();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(Listener::open("127.0.0.1:" + std::to_string(proxy.port())).ok());
}

TEST(Forwarding, EventsTellOfEachConnection) {
  TestServer server(TestServer::echo);
  EventLog events;
  TestProxy proxy(server.address(), {}, 1, &events);
  proxy.add("latency", Stream::upstream, {{"latency", whole(1)}}, 1, "slow");
  auto client = TestSocket::connected(proxy.port());
  client.send("x");
  EXPECT_EQ(client.receive(1), "x");
  proxy.remove("slow");
  client.close();
  ASSERT_TRUE(eventually([&] { return events.lines().size() == 4; }));
  EXPECT_EQ(events.lines(),
            (std::vector<std::string>{"connect 1", "toxic_on 1 slow", "toxic_off 1 slow",
                                      "close 1 client closed"}));
}

}  // namespace
}  // namespace stormlog::proxy
