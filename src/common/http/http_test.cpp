// Server, client connection and libcurl client against each other and against raw sockets.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>

#include "common/http/client_connection.hpp"
#include "common/http/curl_client.hpp"
#include "common/http/server.hpp"

namespace stormlog::http {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

asio::awaitable<Response> echo(Request& request) {
  co_return Response::text(200, request.method + " " + request.target + " " + request.body);
}

asio::awaitable<Response> item(Request& request) {
  co_return Response::text(200, std::string(request.path_param("id")));
}

asio::awaitable<Response> broken(Request&) {
  throw std::runtime_error("secret detail");
  co_return Response();
}

asio::awaitable<Response> slow(Request&) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 200ms);
  co_await timer.async_wait(asio::use_awaitable);
  co_return Response::text(200, "slow");
}

// Answers when the test says so.
std::atomic<bool> held_entered{false};
std::atomic<bool> held_released{false};

asio::awaitable<Response> held(Request&) {
  held_entered = true;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!held_released) {
    timer.expires_after(1ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return Response::text(200, "held");
}

asio::awaitable<std::pair<Response, Stream>> events(Request&) {
  Response head;
  head.headers.add("Content-Type", "text/event-stream");
  Stream body = [](StreamWriter& writer) -> asio::awaitable<void> {
    static const std::string kFirst = "event: a\ndata: 1\n\n: comment\n\n";
    static const std::string kSecond = "data: 2\r\ndata: 3\r\n\r\n";
    co_await writer.write(kFirst);
    co_await writer.write(kSecond);
  };
  co_return std::pair<Response, Stream>(std::move(head), std::move(body));
}

// A server on a thread of its own, and blocking access to it.
class HttpTest : public testing::Test {
 protected:
  void start(ServerLimits limits = {}) {
    Router router;
    router.add("POST", "/echo", echo);
    router.add("GET", "/echo", echo);
    router.add("GET", "/items/{id}", item);
    router.add("GET", "/broken", broken);
    router.add("GET", "/slow", slow);
    router.add("GET", "/held", held);
    router.add_stream("GET", "/events", events);
    server_ = std::make_unique<Server>(io_, std::move(router), limits);
    server_->on_request([this](const RequestRecord& record) {
      const std::lock_guard lock(mutex_);
      routes_.push_back(std::string(record.route) + " " + std::to_string(record.status));
    });
    const auto listening = server_->listen("127.0.0.1:0");
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    thread_ = std::thread([this] { io_.run(); });
  }

  ~HttpTest() override {
    if (!thread_.joinable()) return;
    drain(0ms);
    work_.reset();
    thread_.join();
  }

  void drain(std::chrono::milliseconds timeout) {
    asio::co_spawn(io_, server_->drain(timeout), asio::use_future).get();
  }

  int connect() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  static void send(int fd, std::string_view bytes) {
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  // Everything until the server closes, or until `until` has been seen.
  static std::string receive(int fd, const std::string& until = {}) {
    std::string all;
    char buffer[4096];
    pollfd waiting{fd, POLLIN, 0};
    while (::poll(&waiting, 1, 10'000) > 0) {
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      all.append(buffer, static_cast<std::size_t>(n));
      if (!until.empty() && all.find(until) != std::string::npos) break;
    }
    return all;
  }

  // Sends raw bytes on a connection of its own and reads until the server closes it.
  std::string exchange(std::string_view bytes) {
    const int fd = connect();
    send(fd, bytes);
    std::string answer = receive(fd);
    ::close(fd);
    return answer;
  }

  std::string url(const std::string& target) {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + target;
  }

  asio::io_context io_;
  // After a drain nothing is left to do, and run() would return under the next one.
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::string> routes_;
};

TEST_F(HttpTest, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  start();
  const std::string answer = exchange(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nA"
      "GET /items/a%20b HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /echo?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto first = answer.find("POST /echo A");
  const auto second = answer.find("a b");
  const auto third = answer.find("GET /echo?q ");
  ASSERT_NE(third, std::string::npos) << answer;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

TEST_F(HttpTest, ReadsARequestThatArrivesByteByByte) {
  start();
  const int fd = connect();
  for (const char c : std::string("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                                  "Connection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n")) {
    send(fd, {&c, 1});
  }
  EXPECT_THAT(receive(fd), EndsWith("POST /echo abc"));
  ::close(fd);
}

TEST_F(HttpTest, RefusesWhatIsNotHttp) {
  start();
  const std::pair<const char*, const char*> cases[] = {
      {"rubbish\r\n\r\n", "HTTP/1.1 400"},
      {"GET /echo HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
      {"GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "HTTP/1.1 400"},
      {"GET /echo HTTP/3.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
       "HTTP/1.1 400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\n",
       "HTTP/1.1 400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501"},
  };
  for (const auto& [request, status] : cases) {
    EXPECT_THAT(exchange(request), StartsWith(status)) << request;
  }
}

TEST_F(HttpTest, LimitsHeaderAndBody) {
  ServerLimits limits;
  limits.max_header_bytes = 1024;
  limits.max_body_bytes = 10;
  start(limits);
  EXPECT_THAT(
      exchange("GET /echo HTTP/1.1\r\nHost: x\r\nA: " + std::string(2000, 'a') + "\r\n\r\n"),
      StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(exchange("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n01234567890"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(exchange("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "b\r\n01234567890\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(exchange("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
                       "Connection: close\r\n\r\n0123456789"),
              EndsWith("0123456789"));
}

TEST_F(HttpTest, EndsRequestsAndConnectionsThatStall) {
  ServerLimits limits;
  limits.header_timeout = 50ms;
  limits.body_timeout = 50ms;
  limits.idle_timeout = 50ms;
  start(limits);
  EXPECT_THAT(exchange("GET /echo HTTP/1.1\r\nHo"), StartsWith("HTTP/1.1 408"));
  EXPECT_THAT(exchange("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"),
              StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(exchange(""), "");
}

TEST_F(HttpTest, AnswersExpectContinueAndRefusesTooLongBodiesBeforeTheyAreSent) {
  ServerLimits limits;
  limits.max_body_bytes = 10;
  start(limits);
  const int fd = connect();
  send(fd,
       "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
       "Connection: close\r\n\r\n");
  EXPECT_THAT(receive(fd, "\r\n\r\n"), StartsWith("HTTP/1.1 100"));
  send(fd, "hi");
  EXPECT_THAT(receive(fd), EndsWith("POST /echo hi"));
  ::close(fd);
  EXPECT_THAT(exchange("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n"
                       "Expect: 100-continue\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpTest, TellsUnknownPathsMethodsAndInternalErrors) {
  start();
  EXPECT_THAT(exchange("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("application/problem+json")));
  EXPECT_THAT(exchange("PUT /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("Allow: POST, GET, HEAD")));
  const std::string head = exchange("HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head, testing::AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\n")));
  const std::string failed =
      exchange("GET /broken HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(failed, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(failed, testing::Not(HasSubstr("secret")));
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(routes_, testing::ElementsAre(" 404", " 405", "/echo 200", "/broken 500"));
}

TEST_F(HttpTest, RefusesConnectionsBeyondTheLimit) {
  ServerLimits limits;
  limits.max_connections = 1;
  start(limits);
  const int first = connect();
  send(first, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  receive(first, "GET /echo");
  EXPECT_THAT(exchange(""),
              testing::AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Retry-After: 1")));
  ::close(first);
}

TEST_F(HttpTest, DrainsRequestsUnderWayAndClosesIdleConnections) {
  start();
  const int idle = connect();
  const int busy = connect();
  send(idle, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  receive(idle, "GET /echo");
  held_entered = false;
  held_released = false;
  send(busy, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  while (!held_entered) std::this_thread::yield();
  auto drained = asio::co_spawn(io_, server_->drain(60s), asio::use_future);
  EXPECT_EQ(receive(idle), "");
  EXPECT_EQ(drained.wait_for(0s), std::future_status::timeout);
  held_released = true;
  drained.get();
  EXPECT_THAT(receive(busy), testing::AllOf(HasSubstr("Connection: close"), EndsWith("held")));
  ::close(idle);
  ::close(busy);
}

TEST_F(HttpTest, ADrainAnswersWhatWasSentBeforeTheClientCouldKnow) {
  start();
  const int used = connect();
  send(used, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  receive(used, "GET /echo");
  // The server's thread stands still: the kernel alone takes a request, and a new client.
  std::promise<void> stand_still;
  std::promise<void> go_on;
  asio::post(io_, [&] {
    stand_still.set_value();
    go_on.get_future().wait();
  });
  stand_still.get_future().wait();
  const int fresh = connect();
  auto drained = asio::co_spawn(io_, server_->drain(60s), asio::use_future);
  for (const int client : {used, fresh}) send(client, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  go_on.set_value();
  for (const int client : {used, fresh}) {
    EXPECT_THAT(receive(client),
                testing::AllOf(HasSubstr("Connection: close"), EndsWith("GET /echo ")));
    ::close(client);
  }
  drained.get();
}

TEST_F(HttpTest, SaysWhichAddressIsTaken) {
  start();
  Server second(io_, Router(), {});
  const auto taken = second.listen("127.0.0.1:" + std::to_string(server_->port()));
  ASSERT_FALSE(taken.ok());
  EXPECT_THAT(taken.error().message, HasSubstr("cannot listen on 127.0.0.1:"));
  EXPECT_EQ(taken.error().code, "EADDRINUSE");
  EXPECT_FALSE(second.listen("nonsense").ok());
}

TEST_F(HttpTest, CurlFetchesAndReadsEventStreams) {
  start();
  FetchRequest request;
  request.method = "POST";
  request.url = url("/echo");
  request.body = "body";
  const auto response = fetch(request);
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "POST /echo body");
  EXPECT_EQ(response->headers.get("content-type"), "text/plain; charset=utf-8");

  std::vector<std::string> seen;
  const std::atomic<bool> stop{false};
  FetchRequest stream;
  stream.url = url("/events");
  stream.timeout = 0ms;
  bool opened = false;
  const auto ended = read_event_stream(
      stream, stop,
      [&](std::string_view event, std::string_view data) {
        seen.push_back(std::string(event) + "=" + std::string(data));
        return true;
      },
      [&] { opened = true; });
  EXPECT_TRUE(ended.ok()) << ended.error().message;
  EXPECT_TRUE(opened);
  EXPECT_THAT(seen, testing::ElementsAre("a=1", "message=2\n3"));
}

TEST(Curl, KeepsCredentialsOutOfErrors) {
  FetchRequest request;
  request.url = "http://user:hunter2@127.0.0.1:1/x";
  const auto response = fetch(request);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().kind, ErrorKind::retriable);
  EXPECT_THAT(response.error().message, HasSubstr("http://127.0.0.1:1/x"));
  EXPECT_THAT(response.error().message, testing::Not(HasSubstr("hunter2")));
}

// Runs a coroutine on an io_context of this thread.
template <typename T>
T run(asio::io_context& io, asio::awaitable<T> coroutine) {
  auto future = asio::co_spawn(io, std::move(coroutine), asio::use_future);
  io.restart();
  while (future.wait_for(0s) != std::future_status::ready) io.run_one();
  return future.get();
}

ClientRequest get(std::string target) {
  ClientRequest request;
  request.method = "GET";
  request.target = std::move(target);
  return request;
}

TEST_F(HttpTest, ClientConnectionIsReusedAndTellsHowFarItGot) {
  start();
  asio::io_context io;
  ClientConnection client(io.get_executor());
  ASSERT_TRUE(run(io, client.connect("localhost", server_->port(), 5s)).ok());
  for (int i = 0; i < 3; ++i) {
    const auto outcome = run(io, client.exchange(get("/echo?" + std::to_string(i)), 5s));
    ASSERT_TRUE(outcome.ok) << outcome.error.message;
    EXPECT_EQ(outcome.response.body, "GET /echo?" + std::to_string(i) + " ");
    EXPECT_TRUE(client.is_open());
  }
  const auto late = run(io, client.exchange(get("/slow"), 20ms));
  EXPECT_FALSE(late.ok);
  EXPECT_TRUE(late.error.timed_out);
  EXPECT_EQ(late.error.phase, ExchangePhase::sent);
  EXPECT_FALSE(client.is_open());
  const auto closed = run(io, client.exchange(get("/echo"), 1s));
  EXPECT_EQ(closed.error.phase, ExchangePhase::not_sent);
}

TEST(Client, SaysThatAConnectionWasRefused) {
  asio::io_context io;
  ClientConnection client(io.get_executor());
  const auto refused = run(io, client.connect("127.0.0.1", 1, 5s));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "ECONNREFUSED");
  EXPECT_THAT(refused.error().message, StartsWith("127.0.0.1:1: "));
}

TEST_F(HttpTest, ClientSeesThatTheIdlePeerCloses) {
  ServerLimits limits;
  limits.idle_timeout = 50ms;
  start(limits);
  asio::io_context io;
  ClientConnection client(io.get_executor());
  ASSERT_TRUE(run(io, client.connect("127.0.0.1", server_->port(), 5s)).ok());
  EXPECT_TRUE(run(io, client.watch_peer_close()));
  EXPECT_FALSE(client.is_open());

  // An exchange ends the watch, and the connection serves on.
  ASSERT_TRUE(run(io, client.connect("127.0.0.1", server_->port(), 5s)).ok());
  auto watched = asio::co_spawn(io, client.watch_peer_close(), asio::use_future);
  io.restart();
  io.poll();
  const auto outcome = run(io, client.exchange(get("/echo"), 5s));
  EXPECT_TRUE(outcome.ok) << outcome.error.message;
  EXPECT_FALSE(watched.get());
}

TEST(Message, UrlsAndQueriesAreReadStrictly) {
  const auto url = Url::parse("http://[::1]:8080/a?b=c#d");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(url->target, "/a?b=c");
  EXPECT_EQ(Url::parse("https://h")->port, 443);
  EXPECT_EQ(Url::parse("http://h?x")->target, "/?x");
  for (const char* bad : {"", "h", "http://", "http://h:", "http://h:0", "http://h:65536",
                          "http://h:x", "http://u:p@h", "ftp://h", "http://h/a b", "http://[::1"}) {
    EXPECT_FALSE(Url::parse(bad)) << bad;
  }
  Request request;
  request.target = "/p?a=1&b=x%2By+z&flag";
  EXPECT_EQ(request.path(), "/p");
  EXPECT_EQ(request.query_param("b"), "x+y z");
  EXPECT_EQ(request.query_param("flag"), "");
  EXPECT_EQ(request.query_param("c"), std::nullopt);
  request.target = "/p?a=%2";
  EXPECT_EQ(request.query_params(), std::nullopt);
  EXPECT_EQ(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
  EXPECT_THAT(problem(503, "a \"b\"\n", 0).body, HasSubstr("a \\\"b\\\"\\u000a"));
}

TEST(RouterTest, AWholePathIsNotAParameterOfAnotherMethod) {
  Router router;
  router.add("GET", "/letters/{id}", item);
  router.add("POST", "/letters/replay", echo);
  Response error;
  Request request;
  request.target = "/letters/replay";
  request.method = "POST";
  ASSERT_NE(router.match(request, error), nullptr);
  EXPECT_EQ(router.match(request, error)->pattern, "/letters/replay");
  request.method = "GET";
  EXPECT_EQ(router.match(request, error), nullptr);
  EXPECT_EQ(error.status, 405);
  EXPECT_EQ(error.headers.get("Allow"), "POST");
  request.target = "/letters/7";
  ASSERT_NE(router.match(request, error), nullptr);
  EXPECT_EQ(request.path_param("id"), "7");
}

}  // namespace
}  // namespace stormlog::http
