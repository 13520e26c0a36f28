#include "proxy/engine/address.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>

namespace stormlog::proxy {
namespace {

const sockaddr_in& v4(const Address& address) {
  return reinterpret_cast<const sockaddr_in&>(address.storage);
}
const sockaddr_in6& v6(const Address& address) {
  return reinterpret_cast<const sockaddr_in6&>(address.storage);
}

Error lookup_error(const std::string& text, const HostAndPort& parts, int code) {
  if (code == EAI_SERVICE) {
    return Error::permanent("lookup tcp/" + parts.port + ": unknown port", "EAI_SERVICE");
  }
  const char* why = code == EAI_NONAME ? "no such host" : ::gai_strerror(code);
  return code == EAI_AGAIN ? Error::retriable("lookup " + parts.host + ": " + why, "EAI_AGAIN")
                           : Error::permanent("lookup " + parts.host + ": " + why, text);
}

Result<std::vector<Address>> look_up(const std::string& text, bool listening, int flags) {
  const auto parts = split_host_port(text);
  if (!parts.ok()) return parts.error();
  const std::string port = parts->port.empty() ? "0" : parts->port;
  const bool number = std::all_of(port.begin(), port.end(),
                                  [](char digit) { return digit >= '0' && digit <= '9'; });
  if (number && (port.size() > 5 || std::stoul(port) > 65535)) {
    return Error::permanent("address " + parts->port + ": invalid port");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | (listening ? AI_PASSIVE : 0);
  const std::string host = parts->host.empty() && listening ? "::" : parts->host;
  addrinfo* found = nullptr;
  const int code =
      ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) return lookup_error(text, *parts, code);
  std::vector<Address> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Address address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    if (address.family() == AF_INET || address.family() == AF_INET6) addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  std::stable_sort(addresses.begin(), addresses.end(), [](const auto& a, const auto& b) {
    return a.family() == AF_INET && b.family() != AF_INET;
  });
  return addresses;
}

}  // namespace

std::uint16_t Address::port() const {
  return ntohs(family() == AF_INET ? v4(*this).sin_port : v6(*this).sin6_port);
}

void Address::set_port(std::uint16_t port) {
  if (family() == AF_INET) {
    reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
  }
}

bool Address::is_loopback() const {
  if (family() == AF_INET) return (ntohl(v4(*this).sin_addr.s_addr) >> 24) == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6(*this).sin6_addr);
}

std::string Address::text() const {
  char host[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    ::inet_ntop(AF_INET, &v4(*this).sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(port());
  }
  // A client that came by IPv4 to a socket of both is shown as what it is.
  if (IN6_IS_ADDR_V4MAPPED(&v6(*this).sin6_addr)) {
    ::inet_ntop(AF_INET, v6(*this).sin6_addr.s6_addr + 12, host, sizeof host);
    return std::string(host) + ":" + std::to_string(port());
  }
  ::inet_ntop(AF_INET6, &v6(*this).sin6_addr, host, sizeof host);
  return "[" + std::string(host) + "]:" + std::to_string(port());
}

Result<HostAndPort> split_host_port(const std::string& text) {
  const auto bad = [&](const char* why) {
    return Error::permanent("address " + text + ": " + why);
  };
  const std::size_t colon = text.rfind(':');
  if (text.empty()) return HostAndPort{};
  if (colon == std::string::npos) return bad("missing port in address");
  HostAndPort parts{text.substr(0, colon), text.substr(colon + 1)};
  if (parts.host.starts_with('[')) {
    if (!parts.host.ends_with(']')) {
      return bad(text.find(']') == std::string::npos ? "missing ']' in address"
                                                     : "missing port in address");
    }
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  } else if (parts.host.find(':') != std::string::npos) {
    return bad("too many colons in address");
  }
  if (parts.host.find_first_of("[]") != std::string::npos ||
      parts.port.find_first_of("[]") != std::string::npos) {
    return bad("unexpected bracket in address");
  }
  return parts;
}

Result<std::vector<Address>> resolve(const std::string& text, bool listening) {
  return look_up(text, listening, 0);
}

std::vector<Address> literal_address(const std::string& text) {
  auto found = look_up(text, false, AI_NUMERICHOST);
  return found.ok() ? std::move(*found) : std::vector<Address>{};
}

}  // namespace stormlog::proxy
