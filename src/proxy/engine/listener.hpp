#pragma once

#include <string>

#include "common/base/result.hpp"
#include "proxy/engine/address.hpp"

namespace stormlog::proxy {

// A listening TCP socket that can refuse for a while and keep its port all the same.
//
// Threads: caller synchronises; fd() may be polled and accepted from on any thread.
class Listener {
 public:
  // Errors: permanent or retriable with the words of Go's net.Listen: "listen tcp
  // 127.0.0.1:80: bind: address already in use". Source: Toxiproxy's answers.
  static Result<Listener> open(const std::string& text);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener() { close(); }

  // Connections are refused from now on, as by a port that nobody has; those that wait to be
  // accepted are reset.
  void refuse();
  // Frees the port. Nobody may wait on the descriptor any more.
  void close();
  // Listens again on the same port.
  Result<void> resume();

  int fd() const { return fd_; }
  const Address& address() const { return address_; }

 private:
  Listener(int fd, Address address) : fd_(fd), address_(address) {}

  int fd_;
  Address address_;
};

}  // namespace stormlog::proxy
