#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace stormlog::chaos::testing {

// A server that answers as badly as a test asks for: raw bytes, half an answer, none, a cut.
// One thread for each connection.
class FakeServer {
 public:
  struct Reply {
    std::string bytes;
    bool close = false;
  };
  // Gets the body and the number of the request, from 0. Called from many threads.
  using Handler = std::function<Reply(const std::string& body, int number)>;

  // Binds a port; refuses connections until listen() is called.
  explicit FakeServer(Handler handler) : handler_(std::move(handler)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0) {
      throw std::runtime_error("cannot bind a port");
    }
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }

  ~FakeServer() {
    stopping_ = true;
    ::shutdown(socket_, SHUT_RDWR);
    if (acceptor_.joinable()) acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : connections_) ::shutdown(connection, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    for (const int connection : connections_) ::close(connection);
    ::close(socket_);
  }

  FakeServer& listen() {
    ::listen(socket_, 128);
    acceptor_ = std::thread([this] { accept(); });
    return *this;
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/logs"; }
  int requests() const { return requests_; }

  static Reply answer(int status, const std::string& body = "", const std::string& headers = "") {
    return {"HTTP/1.1 " + std::to_string(status) + " Some\r\n" + headers +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
            false};
  }

 private:
  void accept() {
    for (;;) {
      const int connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      const int on = 1;
      ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        ::close(connection);
        return;
      }
      connections_.push_back(connection);
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }

  void serve(int connection) {
    std::string data;
    for (;;) {
      std::size_t head_end = 0;
      std::size_t length = 0;
      while (!whole_request(data, head_end, length)) {
        char buffer[4096];
        const ssize_t n = ::recv(connection, buffer, sizeof buffer, 0);
        if (n <= 0) return;
        data.append(buffer, static_cast<std::size_t>(n));
      }
      const Reply reply = handler_(data.substr(head_end, length), requests_++);
      data.erase(0, head_end + length);
      ::send(connection, reply.bytes.data(), reply.bytes.size(), MSG_NOSIGNAL);
      if (reply.close) {
        ::shutdown(connection, SHUT_RDWR);
        return;
      }
    }
  }

  static bool whole_request(const std::string& data, std::size_t& head_end, std::size_t& length) {
    const std::size_t end = data.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    head_end = end + 4;
    const std::string field = "\r\ncontent-length: ";
    std::string head = data.substr(0, head_end);
    for (char& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const std::size_t at = head.find(field);
    length = at == std::string::npos ? 0 : std::stoul(head.substr(at + field.size()));
    return data.size() >= head_end + length;
  }

  Handler handler_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> requests_{0};
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
  std::mutex mutex_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
};

}  // namespace stormlog::chaos::testing
