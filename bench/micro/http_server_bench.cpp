// Small POSTs a second that one server thread answers over loopback, asked in turn by
//   client:    our own ClientConnections on one thread (each waits for its answer), and
//   pipelined: blocking sockets that send 16 requests at a time, so that the server is the limit.
// The CPU time of the server's thread for each request tells more than the rate where other
// programs share the machine.
//
//   http_server_bench [seconds] [connections] [body bytes]
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include "common/http/client_connection.hpp"
#include "common/http/server.hpp"

namespace {

using namespace stormlog;
using Seconds = std::chrono::duration<double>;

struct Options {
  std::chrono::seconds duration{5};
  int connections = 64;
  std::size_t body_bytes = 200;
};

boost::asio::awaitable<http::Response> accept_all(http::Request&) {
  http::Response response = http::Response::json(202, R"({"accepted":1,"rejected":0,"errors":[]})");
  co_return response;
}

double cpu_seconds(pthread_t thread) {
  clockid_t clock{};
  timespec time{};
  if (::pthread_getcpuclockid(thread, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

struct Counted {
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;
};

boost::asio::awaitable<void> ask(boost::asio::io_context& io, std::uint16_t port,
                                 const Options& options, MonotonicTime end, Counted& counted) {
  http::ClientConnection connection(io.get_executor());
  const auto connected = co_await connection.connect("127.0.0.1", port, std::chrono::seconds(5));
  if (!connected.ok()) {
    ++counted.failed;
    co_return;
  }
  while (SystemClock::instance().now() < end && connection.is_open()) {
    http::ClientRequest request;
    request.target = "/api/v1/logs";
    request.headers.add("Content-Type", "application/json");
    request.body.assign(options.body_bytes, 'x');
    const auto outcome =
        co_await connection.exchange(std::move(request), std::chrono::milliseconds(5'000));
    if (outcome.ok && outcome.response.status == 202) {
      ++counted.answered;
    } else {
      ++counted.failed;
    }
  }
}

Counted run_client(std::uint16_t port, const Options& options) {
  boost::asio::io_context io(1);
  Counted counted;
  const MonotonicTime end = SystemClock::instance().now() + options.duration;
  for (int i = 0; i < options.connections; ++i) {
    boost::asio::co_spawn(io, ask(io, port, options, end, counted), boost::asio::detached);
  }
  io.run();
  return counted;
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

// Reads `count` answers of a known length; false when the connection ends before.
bool read_answers(int fd, std::size_t count, std::size_t& answer_bytes) {
  thread_local std::vector<char> buffer(256 * 1024);
  std::size_t total = 0;
  while (answer_bytes == 0 || total < count * answer_bytes) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return false;
    total += static_cast<std::size_t>(n);
    if (answer_bytes == 0) answer_bytes = total;  // the first answer is asked for on its own
  }
  return true;
}

Counted run_pipelined(std::uint16_t port, const Options& options) {
  constexpr std::size_t kDepth = 16;
  const std::string one = fmt::format(
      "POST /api/v1/logs HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      port, options.body_bytes, std::string(options.body_bytes, 'x'));
  std::string many;
  for (std::size_t i = 0; i < kDepth; ++i) many += one;

  Counted counted;
  std::size_t answer_bytes = 0;
  std::vector<int> sockets;
  for (int i = 0; i < options.connections; ++i) {
    const int fd = connect_to(port);
    if (fd < 0) {
      ++counted.failed;
    } else {
      sockets.push_back(fd);
    }
  }
  const auto send_all = [](int fd, const std::string& bytes) {
    return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  };
  if (sockets.empty() || !send_all(sockets[0], one) || !read_answers(sockets[0], 1, answer_bytes)) {
    ++counted.failed;
    return counted;
  }
  const MonotonicTime end = SystemClock::instance().now() + options.duration;
  while (SystemClock::instance().now() < end && counted.failed == 0) {
    for (const int fd : sockets) counted.failed += send_all(fd, many) ? 0U : 1U;
    for (const int fd : sockets) {
      if (read_answers(fd, kDepth, answer_bytes)) {
        counted.answered += kDepth;
      } else {
        ++counted.failed;
      }
    }
  }
  for (const int fd : sockets) ::close(fd);
  return counted;
}

template <typename Run>
bool measure(const char* name, std::thread& server_thread, Run run) {
  const double cpu_before = cpu_seconds(server_thread.native_handle());
  const MonotonicTime start = SystemClock::instance().now();
  const Counted counted = run();
  const double elapsed = Seconds(SystemClock::instance().now() - start).count();
  const double cpu = cpu_seconds(server_thread.native_handle()) - cpu_before;
  const auto answered = static_cast<double>(counted.answered);
  fmt::print("{:<10} {:>9.0f} requests/s   server CPU {:>5.2f} us/request ({:.0f} requests/CPU s)",
             name, answered / elapsed, cpu / answered * 1e6, answered / cpu);
  fmt::print("   failed {}\n", counted.failed);
  return counted.failed == 0 && counted.answered > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc > 1) options.duration = std::chrono::seconds(std::atoi(argv[1]));
  if (argc > 2) options.connections = std::atoi(argv[2]);
  if (argc > 3) options.body_bytes = static_cast<std::size_t>(std::atoi(argv[3]));

  boost::asio::io_context io(1);
  http::Router router;
  router.add("POST", "/api/v1/logs", accept_all);
  http::Server server(io, std::move(router), {});
  if (const auto listening = server.listen("127.0.0.1:0"); !listening.ok()) {
    fmt::print(stderr, "{}\n", listening.error().message);
    return 1;
  }
  const std::uint16_t port = server.port();
  std::thread server_thread([&io] { io.run(); });
  bool good = measure("client", server_thread, [&] { return run_client(port, options); });
  good = measure("pipelined", server_thread, [&] { return run_pipelined(port, options); }) && good;
  boost::asio::co_spawn(io, server.drain(std::chrono::milliseconds(100)), boost::asio::detached);
  server_thread.join();
  return good ? 0U : 1U;
}
