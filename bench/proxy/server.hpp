#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "sockets.hpp"

namespace stormlog::bench {

// The upstream: threads with epoll that echo, swallow or pour out.
class Server {
 public:
  enum class Kind { echo, sink, source };

  Server(std::uint16_t port, Kind kind, int threads = 1) : kind_(kind), listener_(listen_on(port)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Server() {
    stop_ = true;
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  void run() {
    const int epoll = ::epoll_create1(0);
    watch(epoll, listener_, EPOLLIN | EPOLLEXCLUSIVE, 0);
    std::vector<char> buffer(256 * 1024);
    std::vector<epoll_event> events(256);
    while (!stop_) {
      const int count = ::epoll_wait(epoll, events.data(), 256, 50);
      for (int i = 0; i < count; ++i) {
        const auto fd = static_cast<int>(events[static_cast<std::size_t>(i)].data.u64);
        if (fd == 0) {
          accept_one(epoll);
        } else {
          serve(fd, buffer);
        }
      }
    }
    ::close(epoll);
  }
  void accept_one(int epoll) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    set_no_delay(fd);
    watch(epoll, fd, kind_ == Kind::source ? EPOLLOUT : EPOLLIN, static_cast<std::uint64_t>(fd));
  }
  void serve(int fd, std::vector<char>& buffer) {
    if (kind_ == Kind::source) {
      if (::send(fd, buffer.data(), buffer.size(), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        ::close(fd);
      return;
    }
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      ::close(fd);
      return;
    }
    bytes_ += static_cast<std::uint64_t>(got);
    if (kind_ == Kind::echo &&
        ::send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) {
      ::close(fd);
    }
  }

  Kind kind_;
  int listener_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> bytes_{0};
  std::vector<std::thread> threads_;
};

}  // namespace stormlog::bench
