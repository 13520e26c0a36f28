// One measure through one port, as JSON: client and server in this process, the proxy between them
// in another. Client, server and proxy share the machine's cores, as they do in use.
//
//   proxy_bench MEASURE SERVER_PORT PORT [COUNT] [SECONDS]
//
// It serves on SERVER_PORT and connects to PORT: the proxy's, or SERVER_PORT itself.

#include <sys/prctl.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "server.hpp"

namespace stormlog::bench {
namespace {

constexpr std::size_t kMessage = 100;
constexpr double kWarmUp = 0.3;  // seconds that are not counted

struct Run {
  std::uint16_t server_port;
  std::uint16_t port;
  int count;
  double seconds;

  std::int64_t duration() const { return static_cast<std::int64_t>(seconds * 1e9); }
};

double percentile(std::vector<std::int64_t>& sorted, double share) {
  if (sorted.empty()) fail("no sample");
  const auto index = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return static_cast<double>(sorted[index]) / 1000;
}

// COUNT streams at full speed, for SECONDS.
void bulk(const Run& run) {
  Server server(run.server_port, Server::Kind::sink);
  const int epoll = ::epoll_create1(0);
  std::vector<int> fds;
  for (int i = 0; i < run.count; ++i) {
    fds.push_back(connect_to(run.port));
    watch(epoll, fds.back(), EPOLLOUT, static_cast<std::uint64_t>(fds.back()));
  }
  const std::vector<char> buffer(256 * 1024, 'x');
  std::vector<epoll_event> events(64);
  const std::int64_t start = now_ns();
  const std::int64_t warm = start + static_cast<std::int64_t>(kWarmUp * 1e9);
  std::int64_t counted_from = 0;
  std::uint64_t bytes_before = 0;
  while (now_ns() < warm + run.duration()) {
    if (counted_from == 0 && now_ns() >= warm) {
      counted_from = now_ns();
      bytes_before = server.bytes();
    }
    const int count = ::epoll_wait(epoll, events.data(), 64, 100);
    for (int i = 0; i < count; ++i) {
      const auto fd = static_cast<int>(events[static_cast<std::size_t>(i)].data.u64);
      if (::send(fd, buffer.data(), buffer.size(), MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
        fail("send");
      }
    }
  }
  const double bytes = static_cast<double>(server.bytes() - bytes_before);
  const double seconds = static_cast<double>(now_ns() - counted_from) / 1e9;
  std::printf("{\"gbit_per_s\":%.4f,\"gigabytes\":%.4f}\n", bytes * 8 / seconds / 1e9,
              static_cast<double>(server.bytes()) / 1e9);
  for (const int fd : fds) ::close(fd);
}

// One client: `count` connections, each with one request under way, or none for `pause` after each
// answer. Round trips after `warm`.
std::vector<std::int64_t> ask_and_ask(std::uint16_t port, int count, std::int64_t warm,
                                      std::int64_t end, std::int64_t pause) {
  const int epoll = ::epoll_create1(0);
  std::vector<std::int64_t> sent_at(65536);
  const std::string request(kMessage, 'r');
  char answer[kMessage * 2];
  const auto ask = [&](int fd) {
    sent_at[static_cast<std::size_t>(fd)] = now_ns();
    if (::send(fd, request.data(), kMessage, MSG_NOSIGNAL) != static_cast<ssize_t>(kMessage)) {
      fail("send");
    }
  };
  for (int i = 0; i < count; ++i) {
    const int fd = connect_to(port);
    watch(epoll, fd, EPOLLIN, static_cast<std::uint64_t>(fd));
    ask(fd);
  }
  std::vector<std::int64_t> samples;
  samples.reserve(2'000'000);
  std::vector<epoll_event> events(256);
  std::deque<std::pair<std::int64_t, int>> pausing;  // when it goes on, and who
  ::prctl(PR_SET_TIMERSLACK, 1);
  for (std::int64_t now = now_ns(); now < end;) {
    for (; !pausing.empty() && pausing.front().first <= now; pausing.pop_front()) {
      ask(pausing.front().second);
    }
    const std::int64_t wait = pausing.empty() ? 1'000'000'000 : pausing.front().first - now;
    const timespec timeout{wait / 1'000'000'000, wait % 1'000'000'000};
    const int ready = ::epoll_pwait2(epoll, events.data(), 256, &timeout, nullptr);
    if (ready == 0 && pausing.empty()) fail("no answer for a second");
    now = now_ns();
    for (int i = 0; i < ready; ++i) {
      const auto fd = static_cast<int>(events[static_cast<std::size_t>(i)].data.u64);
      const ssize_t got = ::recv(fd, answer, sizeof answer, 0);
      if (got != static_cast<ssize_t>(kMessage)) fail("wrong answer");
      now = now_ns();
      if (now >= warm) samples.push_back(now - sent_at[static_cast<std::size_t>(fd)]);
      if (pause > 0) {
        pausing.emplace_back(now + pause, fd);
      } else {
        ask(fd);
      }
    }
  }
  return samples;
}

// COUNT connections, each with one request of 100 bytes under way, or none for `pause`. Several are
// shared by two clients and two servers with a thread each: clients that know nothing of each
// other, as in use.
void ask_for_a_while(const Run& run, std::int64_t pause) {
  const int halves = run.count > 1 ? 2 : 1;
  Server server(run.server_port, Server::Kind::echo, halves);
  const std::int64_t warm = now_ns() + static_cast<std::int64_t>(kWarmUp * 1e9);
  std::vector<std::vector<std::int64_t>> found(static_cast<std::size_t>(halves));
  std::vector<std::thread> clients;
  for (auto& samples : found) {
    clients.emplace_back([&] {
      samples = ask_and_ask(run.port, run.count / halves, warm, warm + run.duration(), pause);
    });
  }
  for (auto& client : clients) client.join();
  std::vector<std::int64_t> samples;
  for (const auto& half : found) samples.insert(samples.end(), half.begin(), half.end());
  const auto requests = static_cast<double>(samples.size());
  std::sort(samples.begin(), samples.end());
  std::printf("{\"requests_per_s\":%.1f,\"min_us\":%.2f,\"p50_us\":%.2f,\"p99_us\":%.2f}\n",
              requests / run.seconds, percentile(samples, 0), percentile(samples, 0.5),
              percentile(samples, 0.99));
}

void request_response(const Run& run) {
  ask_for_a_while(run, 0);
}

// As through a latency of 50 ms: the same rate and the same bursts, without the latency.
void paced_request_response(const Run& run) {
  ask_for_a_while(run, 50'000'000);
}

// COUNT clients that connect, ask once, are answered, and close.
void connections(const Run& run) {
  Server server(run.server_port, Server::Kind::echo);
  const int epoll = ::epoll_create1(0);
  const std::string request(kMessage, 'r');
  char answer[kMessage * 2];
  const auto open_one = [&] {
    const int fd = connect_to(run.port, true);
    watch(epoll, fd, EPOLLOUT | EPOLLONESHOT, static_cast<std::uint64_t>(fd));
  };
  for (int i = 0; i < run.count; ++i) open_one();
  std::vector<epoll_event> events(256);
  const std::int64_t warm = now_ns() + static_cast<std::int64_t>(kWarmUp * 1e9);
  const std::int64_t end = warm + run.duration();
  std::uint64_t done = 0;
  for (std::int64_t now = now_ns(); now < end; now = now_ns()) {
    const int count = ::epoll_wait(epoll, events.data(), 256, 1000);
    if (count == 0) fail("no answer for a second");
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const auto fd = static_cast<int>(event.data.u64);
      if ((event.events & EPOLLOUT) != 0) {
        if (::send(fd, request.data(), kMessage, MSG_NOSIGNAL) < 0) fail("send");
        epoll_event next{};
        next.events = EPOLLIN;
        next.data.u64 = event.data.u64;
        ::epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &next);
        continue;
      }
      if (::recv(fd, answer, sizeof answer, 0) != static_cast<ssize_t>(kMessage)) {
        fail("wrong answer");
      }
      ::close(fd);
      if (now >= warm) ++done;
      open_one();
    }
  }
  std::printf("{\"connections_per_s\":%.1f}\n", static_cast<double>(done) / run.seconds);
}

// One stream that the server pours out; the rate from the first byte on, over SECONDS.
void rate(const Run& run) {
  Server server(run.server_port, Server::Kind::source);
  const int fd = connect_to(run.port);
  const int epoll = ::epoll_create1(0);
  watch(epoll, fd, EPOLLIN, 1);
  std::vector<char> buffer(256 * 1024);
  epoll_event event{};
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::uint64_t bytes = 0;
  while (first == 0 || last < first + run.duration()) {
    if (::epoll_wait(epoll, &event, 1, 2000) == 0) fail("nothing came for two seconds");
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) fail("the stream broke");
    last = now_ns();
    // What came with the first byte took no time of its own.
    if (first == 0) {
      first = last;
    } else {
      bytes += static_cast<std::uint64_t>(got);
    }
  }
  std::printf("{\"bytes_per_s\":%.1f}\n",
              static_cast<double>(bytes) / (static_cast<double>(last - first) / 1e9));
}

// COUNT connections that do nothing until a line comes in on standard input; then each is asked.
void idle(const Run& run) {
  Server server(run.server_port, Server::Kind::echo);
  std::vector<int> fds;
  for (int i = 0; i < run.count; ++i) {
    fds.push_back(connect_to(run.port));
    // One byte, so that the proxy has dialled.
    char byte = 'i';
    if (::send(fds.back(), &byte, 1, MSG_NOSIGNAL) != 1) fail("send");
    ::fcntl(fds.back(), F_SETFL, 0);
    if (::recv(fds.back(), &byte, 1, 0) != 1) fail("not connected");
  }
  std::printf("{\"open\":%zu}\n", fds.size());
  std::fflush(stdout);
  if (std::getchar() == EOF) fail("input");
  std::size_t alive = 0;
  for (const int fd : fds) {
    char byte = 'a';
    if (::send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && ::recv(fd, &byte, 1, 0) == 1) ++alive;
  }
  std::printf("{\"alive\":%zu}\n", alive);
  if (alive != fds.size()) std::exit(1);
}

}  // namespace
}  // namespace stormlog::bench

int main(int argc, char** argv) {
  using namespace stormlog::bench;
  const std::map<std::string, std::function<void(const Run&)>> measures = {
      {"bulk", bulk},
      {"rr", request_response},
      {"paced", paced_request_response},
      {"connections", connections},
      {"rate", rate},
      {"idle", idle}};
  const auto measure = argc >= 4 ? measures.find(argv[1]) : measures.end();
  if (measure == measures.end()) {
    std::fprintf(stderr,
                 "usage: proxy_bench bulk|rr|paced|connections|rate|idle SERVER_PORT PORT [COUNT] "
                 "[SECONDS]\n");
    return 2;
  }
  raise_descriptors();
  const Run run{static_cast<std::uint16_t>(std::atoi(argv[2])),
                static_cast<std::uint16_t>(std::atoi(argv[3])), argc > 4 ? std::atoi(argv[4]) : 1,
                argc > 5 ? std::atof(argv[5]) : 3};
  measure->second(run);
  return 0;
}
