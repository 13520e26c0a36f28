#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace stormlog::proxy {

// A blocking TCP socket on loopback for tests; nothing waits longer than half a minute.
class TestSocket {
 public:
  TestSocket() = default;
  explicit TestSocket(int fd) : fd_(fd) {
    const timeval patience{30, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  TestSocket(TestSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  TestSocket& operator=(TestSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~TestSocket() { close(); }

  static sockaddr_in address(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }
  // errno, or 0.
  int connect(std::uint16_t port) {
    *this = TestSocket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = address(port);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
  }
  static TestSocket connected(std::uint16_t port) {
    TestSocket socket;
    if (socket.connect(port) != 0) throw std::runtime_error("connect failed");
    return socket;
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // What is there, at most `size`; "" at the end. `error` is errno or 0.
  std::string receive_some(std::size_t size, int* error = nullptr) {
    std::string bytes(size, '\0');
    const ssize_t got = ::recv(fd_, bytes.data(), size, 0);
    if (error != nullptr) *error = got < 0 ? errno : 0;
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  std::string receive(std::size_t size) {
    std::string bytes;
    while (bytes.size() < size) {
      const std::string some = receive_some(size - bytes.size());
      if (some.empty()) break;
      bytes += some;
    }
    return bytes;
  }
  // Up to the end, which is a FIN when `error` is 0.
  std::string receive_all(int* error = nullptr) {
    std::string bytes;
    int code = 0;
    for (;;) {
      const std::string some = receive_some(64 * 1024, &code);
      if (some.empty()) break;
      bytes += some;
    }
    if (error != nullptr) *error = code;
    return bytes;
  }
  bool readable_within(int milliseconds) {
    pollfd one{fd_, POLLIN, 0};
    return ::poll(&one, 1, milliseconds) > 0;
  }
  void end() { ::shutdown(fd_, SHUT_WR); }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void set_receive_buffer(int bytes) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

// A server on a free port; each connection is served on a thread of its own.
class TestServer {
 public:
  using Serve = std::function<void(TestSocket)>;

  explicit TestServer(Serve serve)
      : serve_(std::move(serve)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at = TestSocket::address(0);
    socklen_t size = sizeof at;
    if (::bind(listener_.fd(), reinterpret_cast<sockaddr*>(&at), size) != 0 ||
        ::listen(listener_.fd(), 4096) != 0) {
      throw std::runtime_error("cannot listen");
    }
    ::getsockname(listener_.fd(), reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~TestServer() {
    stopping_ = true;
    ::shutdown(listener_.fd(), SHUT_RDWR);
    thread_.join();
    for (auto& one : serving_) one.join();
  }

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int accepted() const { return accepted_; }

  static void echo(TestSocket socket) {
    for (;;) {
      const std::string bytes = socket.receive_some(64 * 1024);
      if (bytes.empty() || !socket.send(bytes)) return;
    }
  }

 private:
  void run() {
    while (!stopping_) {
      const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++accepted_;
      serving_.emplace_back([this, fd] { serve_(TestSocket(fd)); });
    }
  }

  Serve serve_;
  TestSocket listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> accepted_{0};
  std::vector<std::thread> serving_;
  std::thread thread_;
};

}  // namespace stormlog::proxy
