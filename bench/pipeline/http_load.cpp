#include "http_load.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "response_reader.hpp"

namespace stormlog::bench {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kMark = "################";
constexpr std::string_view kConnectionMark = "%%%%";

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "pipeline_load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

nanoseconds monotonic() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

nanoseconds cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

void write_number(std::uint64_t number, std::size_t digits, char* at) {
  for (std::size_t i = digits; i-- > 0; number >>= 4) at[i] = "0123456789abcdef"[number & 15];
}

std::vector<std::size_t> places_of(std::string_view mark, const std::string& text) {
  std::vector<std::size_t> places;
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + mark.size())) {
    places.push_back(at);
  }
  return places;
}

class Load {
 public:
  explicit Load(const LoadConfig& config);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  LoadResult run();

 private:
  struct Connection {
    int fd = -1;
    std::string request;
    std::size_t sent = 0;
    nanoseconds since{};  // its latency counts from here
    bool busy = false;
    ResponseReader reader;
  };

  void connect(Connection& connection);
  void send(Connection& connection, nanoseconds since);
  void write_rest(Connection& connection);
  void read(Connection& connection);
  void answered(Connection& connection, nanoseconds now);
  void broken(Connection& connection);
  void send_due(nanoseconds now);
  void wait(nanoseconds now);

  const LoadConfig& config_;
  int epoll_;
  std::vector<Connection> connections_;
  std::vector<std::size_t> marks_;
  std::vector<Connection*> idle_;  // with a rate alone
  LoadResult result_;
  std::uint64_t number_;
  nanoseconds start_{};
  nanoseconds count_from_{};
  std::uint64_t due_ = 0;
  bool closing_ = false;
};

Load::Load(const LoadConfig& config)
    : config_(config),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      connections_(static_cast<std::size_t>(config.connections)),
      marks_(places_of(kMark, config.request)),
      // Runs that follow each other have different numbers.
      number_(static_cast<std::uint64_t>(monotonic().count()) << 8) {
  const std::vector<std::size_t> own = places_of(kConnectionMark, config.request);
  for (std::size_t index = 0; index < connections_.size(); ++index) {
    Connection& connection = connections_[index];
    connection.request = config.request;
    for (const std::size_t at : own) {
      write_number(index, kConnectionMark.size(), connection.request.data() + at);
    }
    connect(connection);
  }
}

Load::~Load() {
  for (const Connection& connection : connections_) ::close(connection.fd);
  ::close(epoll_);
}

void Load::connect(Connection& connection) {
  if (connection.fd >= 0) ::close(connection.fd);
  connection.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(config_.port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(connection.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    fail("connect");
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &connection;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) fail("epoll_ctl");
}

void Load::send(Connection& connection, nanoseconds since) {
  for (const std::size_t at : marks_)
    write_number(number_++, kMark.size(), connection.request.data() + at);
  connection.since = since;
  connection.busy = true;
  connection.sent = 0;
  connection.reader.reset();
  write_rest(connection);
}

void Load::write_rest(Connection& connection) {
  while (connection.sent < connection.request.size()) {
    const ssize_t n =
        ::send(connection.fd, connection.request.data() + connection.sent,
               connection.request.size() - connection.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) broken(connection);
      return;
    }
    connection.sent += static_cast<std::size_t>(n);
  }
}

void Load::broken(Connection& connection) {
  if (connection.busy) ++result_.broken;
  connect(connection);
  connection.busy = false;
  if (closing_) return;
  if (config_.rate > 0) {
    idle_.push_back(&connection);
  } else {
    send(connection, monotonic());
  }
}

void Load::read(Connection& connection) {
  std::array<char, 16 * 1024> buffer;
  const ssize_t n = ::recv(connection.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0 || !connection.busy) return broken(connection);
  switch (connection.reader.feed({buffer.data(), static_cast<std::size_t>(n)})) {
    case ResponseReader::State::more:
      // Edge-triggered: what is left in the socket would not be told again.
      if (n == static_cast<ssize_t>(buffer.size())) read(connection);
      return;
    case ResponseReader::State::done:
      return answered(connection, monotonic());
    case ResponseReader::State::broken:
      return broken(connection);
  }
}

void Load::answered(Connection& connection, nanoseconds now) {
  connection.busy = false;
  if (now >= count_from_) {
    ++result_.by_status[connection.reader.status()];
    result_.latency.record(now - connection.since);
  }
  if (connection.reader.closes()) connect(connection);
  if (closing_) return;
  if (config_.rate > 0) {
    idle_.push_back(&connection);
  } else {
    send(connection, now);
  }
}

void Load::send_due(nanoseconds now) {
  if (config_.rate <= 0) return;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const auto wanted = static_cast<std::uint64_t>(elapsed * config_.rate);
  while (due_ < wanted && !idle_.empty()) {
    Connection& connection = *idle_.back();
    idle_.pop_back();
    const std::chrono::duration<double> at(static_cast<double>(++due_) / config_.rate);
    send(connection, start_ + std::chrono::duration_cast<nanoseconds>(at));
  }
}

void Load::wait(nanoseconds now) {
  nanoseconds timeout = std::chrono::milliseconds(50);
  if (config_.rate > 0 && !idle_.empty()) {
    const std::chrono::duration<double> at(static_cast<double>(due_ + 1) / config_.rate);
    const nanoseconds next = start_ + std::chrono::duration_cast<nanoseconds>(at);
    timeout = std::clamp(next - now, nanoseconds(0), timeout);
  }
  const timespec bound{0, timeout.count()};
  std::array<epoll_event, 128> events;
  const int count =
      ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &bound, nullptr);
  if (count < 0 && errno != EINTR) fail("epoll_pwait2");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    auto& connection = *static_cast<Connection*>(event.data.ptr);
    if (connection.busy && connection.sent < connection.request.size()) write_rest(connection);
    if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) read(connection);
  }
}

LoadResult Load::run() {
  ::prctl(PR_SET_TIMERSLACK, 1000);
  start_ = monotonic();
  count_from_ = start_ + config_.warm_up;
  const nanoseconds end = count_from_ + config_.duration;
  for (Connection& connection : connections_) {
    if (config_.rate > 0) {
      idle_.push_back(&connection);
    } else {
      send(connection, monotonic());
    }
  }
  nanoseconds cpu_from{-1};
  nanoseconds now = start_;
  while (now < end) {
    if (cpu_from.count() < 0 && now >= count_from_) cpu_from = cpu_time();
    send_due(now);
    wait(now);
    now = monotonic();
  }
  result_.took = now - count_from_;
  result_.cpu = cpu_time() - cpu_from;
  // What is under way is not counted, but let come home: a server should not log broken requests.
  closing_ = true;
  count_from_ = nanoseconds::max();
  const auto busy = [](const Connection& connection) { return connection.busy; };
  while (now < end + std::chrono::seconds(1) &&
         std::any_of(connections_.begin(), connections_.end(), busy)) {
    idle_.clear();
    wait(now);
    now = monotonic();
  }
  return std::move(result_);
}

}  // namespace

LoadResult run_load(const LoadConfig& config) {
  return Load(config).run();
}

}  // namespace stormlog::bench
