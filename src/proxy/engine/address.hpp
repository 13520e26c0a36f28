#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "common/base/result.hpp"

namespace stormlog::proxy {

// An IPv4 or IPv6 address and port, as the kernel takes it.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  std::uint16_t port() const;
  void set_port(std::uint16_t port);
  bool is_loopback() const;
  // "127.0.0.1:80", "[::1]:80".
  std::string text() const;
  friend bool operator==(const Address& a, const Address& b) { return a.text() == b.text(); }
};

// "host:port" as Go's net package reads it, for Toxiproxy's clients rely on its forms and its
// messages: the host may be empty (any address; for a dial: localhost), a name or a literal in
// brackets, the port a number, a service's name or empty (0).
struct HostAndPort {
  std::string host;
  std::string port;
};
Result<HostAndPort> split_host_port(const std::string& text);

// What `text` stands for, IPv4 before IPv6. `listening`: an empty host is any address.
//
// Blocking: a name is looked up by the system's resolver.
Result<std::vector<Address>> resolve(const std::string& text, bool listening);

// The same without any look-up; empty when `text` holds a name.
std::vector<Address> literal_address(const std::string& text);

}  // namespace stormlog::proxy
