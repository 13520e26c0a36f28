#include "proxy/engine/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace stormlog::proxy {
namespace {

constexpr int kBacklog = 4096;

// As Go words errno.
std::string words_of(int code) {
  std::string words = std::strerror(code);
  if (!words.empty() && words[0] >= 'A' && words[0] <= 'Z') words[0] += 'a' - 'A';
  return words;
}

Error failed(const Address& address, const char* call, int code) {
  const std::string message = "listen tcp " + address.text() + ": " + call + ": " + words_of(code);
  return code == EADDRINUSE || code == EMFILE || code == ENFILE ? Error::retriable(message)
                                                                : Error::permanent(message);
}

// What accepted connections inherit: small writes are not held back, a peer that has vanished is
// found out some time.
void set_options(int fd) {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

int new_socket(const Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && address.family() == AF_INET6) {
    const int off = 0;
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (fd >= 0) set_options(fd);
  return fd;
}

Address bound_address(int fd) {
  Address bound;
  bound.size = sizeof bound.storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.size);
  return bound;
}

// The kernel keeps the port of a socket that stops listening only where the port was asked for by
// number. For port 0 one socket finds a free port and holds it until another has asked for it.
Result<int> bind_to_free_port(Address& address) {
  const int finder = new_socket(address);
  if (finder < 0) return failed(address, "socket", errno);
  if (::bind(finder, address.raw(), address.size) != 0) {
    const int code = errno;
    ::close(finder);
    return failed(address, "bind", code);
  }
  address.set_port(bound_address(finder).port());
  const int fd = new_socket(address);
  const bool bound = fd >= 0 && ::bind(fd, address.raw(), address.size) == 0;
  const int code = errno;
  ::close(finder);
  if (bound) return fd;
  if (fd >= 0) ::close(fd);
  return failed(address, "bind", code);
}

Result<int> bind_to(Address& address) {
  if (address.port() == 0) return bind_to_free_port(address);
  const int fd = new_socket(address);
  if (fd < 0) return failed(address, "socket", errno);
  if (::bind(fd, address.raw(), address.size) == 0) return fd;
  const int code = errno;
  ::close(fd);
  return failed(address, "bind", code);
}

}  // namespace

Result<Listener> Listener::open(const std::string& text) {
  auto addresses = resolve(text, true);
  if (!addresses.ok()) return addresses.error().in("listen tcp");
  if (addresses->empty()) return Error::permanent("listen tcp: " + text + ": no address");
  Address address = addresses->front();
  auto fd = bind_to(address);
  if (!fd.ok()) return fd.error();
  Listener listener(*fd, address);
  if (auto listening = listener.resume(); !listening.ok()) return listening.error();
  return listener;
}

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), address_(other.address_) {}

void Listener::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Listener::refuse() {
  ::shutdown(fd_, SHUT_RDWR);
}

Result<void> Listener::resume() {
  if (::listen(fd_, kBacklog) == 0) return {};
  return failed(address_, "listen", errno);
}

}  // namespace stormlog::proxy
