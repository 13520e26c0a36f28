#include "chaos/fault/link_canary.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/http/message.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::chrono::seconds kOpensWithin{3};

MonotonicTime now() {
  return SystemClock::instance().now();
}

// Until it can be read or written; false when it is too late.
bool wait(int fd, short events, MonotonicTime until) {
  pollfd one{fd, events, 0};
  for (;;) {
    const Nanoseconds left = until - now();
    if (left <= Nanoseconds{0}) return ::poll(&one, 1, 0) > 0;
    const timespec time{static_cast<time_t>(left.count() / 1'000'000'000),
                        static_cast<long>(left.count() % 1'000'000'000)};
    const int ready = ::ppoll(&one, 1, &time, nullptr);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Error failed(const std::string& what) {
  return Error::retriable("canary: " + what + ": " + std::strerror(errno));
}

// A socket on a free port of loopback.
Result<CanaryEnd> bound() {
  CanaryEnd end(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (end.fd() < 0 ||
      ::bind(end.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed("socket");
  }
  const int on = 1;
  ::setsockopt(end.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return end;
}

std::string name_of(const CanaryEnd& end) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(end.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

Result<void> connect_to(const CanaryEnd& end, const std::string& listen) {
  const auto url = http::Url::parse("http://" + listen + "/");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (!url) return Error::permanent("canary: bad address " + listen);
  address.sin_port = htons(url->port);
  const std::string host = url->host == "localhost" ? "127.0.0.1" : url->host;
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    return Error::permanent("canary: the link must listen on an IPv4 address, not " + listen);
  }
  if (::connect(end.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return {};
  }
  if (errno != EINPROGRESS) return failed("connect to " + listen);
  if (!wait(end.fd(), POLLOUT, now() + kOpensWithin)) {
    return Error::retriable("canary: " + listen + " does not accept");
  }
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(end.fd(), SOL_SOCKET, SO_ERROR, &code, &size);
  errno = code;
  return code == 0 ? Result<void>{} : failed("connect to " + listen);
}

}  // namespace

CanaryEnd::CanaryEnd(CanaryEnd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

CanaryEnd& CanaryEnd::operator=(CanaryEnd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

CanaryEnd::~CanaryEnd() {
  if (fd_ >= 0) ::close(fd_);
}

std::size_t CanaryEnd::send(std::string_view bytes, MonotonicTime until) const {
  std::size_t all = 0;
  while (all < bytes.size()) {
    const ssize_t sent = ::send(fd_, bytes.data() + all, bytes.size() - all, MSG_NOSIGNAL);
    if (sent > 0) {
      all += static_cast<std::size_t>(sent);
    } else if (errno != EAGAIN || !wait(fd_, POLLOUT, until)) {
      break;
    }
  }
  return all;
}

CanaryEnd::Got CanaryEnd::receive(std::size_t most, MonotonicTime until) const {
  std::vector<char> buffer(std::min<std::size_t>(most, 256 * 1024));
  while (wait(fd_, POLLIN, until)) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got > 0) return {Got::How::bytes, static_cast<std::size_t>(got)};
    if (got == 0) return {Got::How::end, 0};
    if (errno != EAGAIN && errno != EINTR) return {Got::How::reset, 0};
  }
  return {};
}

Result<LinkCanary> LinkCanary::open(const ProxyClient& proxy, const LinkSpec& link,
                                    const std::vector<Json>& toxics, const std::string& spare) {
  auto listener = bound();
  if (!listener.ok()) return listener.error();
  if (::listen(listener->fd(), 1) != 0) return failed("listen");
  auto client = bound();
  if (!client.ok()) return client.error();

  std::string port = link.listen;
  const auto told = proxy.announce_canary(link.name, name_of(*client), name_of(*listener));
  if (!told.ok()) {
    if (told.error().code != "404" && told.error().code != "405") return told.error();
    if (const auto gone = proxy.remove_proxy(spare); !gone.ok()) return gone.error();
    if (const auto made = proxy.add_proxy(spare, "127.0.0.1:0", name_of(*listener)); !made.ok()) {
      return made.error();
    }
    for (const Json& toxic : toxics) {
      if (const auto added = proxy.add_toxic(spare, toxic); !added.ok()) return added.error();
    }
    const auto made = proxy.proxy(spare);
    if (!made.ok()) return made.error();
    port = made->value("listen", "");
  }
  if (const auto connected = connect_to(*client, port); !connected.ok()) return connected.error();
  if (!wait(listener->fd(), POLLIN, now() + kOpensWithin)) {
    return Error::retriable("canary: the proxy accepted it and did not connect it");
  }
  CanaryEnd server(::accept4(listener->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (server.fd() < 0) return failed("accept");
  const int on = 1;
  ::setsockopt(server.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  LinkCanary canary;
  canary.client = std::move(*client);
  canary.server = std::move(server);
  return canary;
}

}  // namespace stormlog::chaos
