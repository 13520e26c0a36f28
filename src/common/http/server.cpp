#include "common/http/server.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <unordered_set>

#include "common/http/server_connection.hpp"
#include "common/http/wire.hpp"

namespace stormlog::http {
namespace {

using tcp = asio::ip::tcp;
constexpr auto kUse = asio::as_tuple(asio::use_awaitable);

// How often time-outs are looked at: one timer for all connections instead of one for each read.
constexpr std::chrono::milliseconds kSweepInterval{50};
constexpr std::chrono::milliseconds kAcceptRetry{100};

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::io_context& context, Router routes, ServerLimits server_limits)
      : io(context), sweep_timer(context) {
    shared.router = std::move(routes);
    shared.limits = server_limits;
  }

  Result<void> listen(const std::string& host_port) {
    const auto address = parse_host_port(host_port);
    if (!address.ok()) return address.error();
    boost::system::error_code error;
    tcp::resolver resolver(io);
    const auto endpoints = resolver.resolve(address->host, std::to_string(address->port),
                                            tcp::resolver::passive, error);
    if (error) return Error::permanent(host_port + ": cannot resolve: " + error.message());
    const tcp::endpoint endpoint = endpoints.begin()->endpoint();
    auto acceptor = std::make_shared<tcp::acceptor>(io);
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      const bool used = error == asio::error::address_in_use;
      return Error::permanent(
          "cannot listen on " + host_port + ": " + error.message() +
              (used ? "; end the program that has it, or choose another port" : ""),
          used ? "EADDRINUSE" : "");
    }
    port = acceptor->local_endpoint().port();
    acceptors.push_back(acceptor);
    asio::co_spawn(io, accept_loop(shared_from_this(), acceptor), asio::detached);
    if (!sweeping) {
      sweeping = true;
      asio::co_spawn(io, sweep_loop(shared_from_this()), asio::detached);
    }
    return {};
  }

  static asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self,
                                           std::shared_ptr<tcp::acceptor> acceptor) {
    asio::steady_timer pause(self->io);
    for (;;) {
      auto [error, socket] = co_await acceptor->async_accept(kUse);
      if (error && !acceptor->is_open()) co_return;
      if (error) {
        // Out of descriptors and the like: wait for some to be given back instead of spinning.
        pause.expires_after(kAcceptRetry);
        co_await pause.async_wait(kUse);
        continue;
      }
      self->take(std::move(socket));
    }
  }

  void take(tcp::socket socket) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const bool full =
        static_cast<std::int64_t>(connections.size()) >= shared.limits.max_connections;
    auto connection = std::make_shared<ServerConnection>(std::move(socket), shared);
    connections.insert(connection);
    asio::co_spawn(io, serve(shared_from_this(), connection, full), asio::detached);
  }

  // Clients that the kernel has let in already: closing the socket that listens would reset them.
  void take_backlog() {
    boost::system::error_code error;
    for (const auto& acceptor : acceptors) {
      acceptor->non_blocking(true, error);
      while (!error) {
        tcp::socket socket(io);
        acceptor->accept(socket, error);
        if (!error) take(std::move(socket));
      }
      error.clear();
    }
  }

  static asio::awaitable<void> serve(std::shared_ptr<Impl> self,
                                     std::shared_ptr<ServerConnection> connection, bool full) {
    if (full) {
      co_await connection->refuse();
    } else {
      co_await connection->run();
    }
    self->connections.erase(connection);
  }

  static asio::awaitable<void> sweep_loop(std::shared_ptr<Impl> self) {
    while (!self->stopped) {
      self->sweep_timer.expires_after(kSweepInterval);
      co_await self->sweep_timer.async_wait(kUse);
      const MonotonicTime now = SystemClock::instance().now();
      for (const auto& connection : self->connections) connection->close_if_late(now);
    }
  }

  static asio::awaitable<void> drain(std::shared_ptr<Impl> self,
                                     std::chrono::milliseconds timeout) {
    constexpr std::chrono::milliseconds kLook{5};
    self->shared.draining = true;
    self->take_backlog();
    self->close_acceptors();
    for (const auto& connection : self->connections) connection->expect_last_request();
    asio::steady_timer timer(self->io);
    const MonotonicTime deadline = SystemClock::instance().now() + timeout;
    while (!self->connections.empty() && SystemClock::instance().now() < deadline) {
      timer.expires_after(kLook);
      co_await timer.async_wait(kUse);
    }
    self->cut();
  }

  void close_acceptors() {
    boost::system::error_code ignored;
    for (const auto& acceptor : acceptors) acceptor->close(ignored);
    acceptors.clear();
  }

  void cut() {
    stopped = true;
    shared.draining = true;
    close_acceptors();
    for (const auto& connection : connections) connection->close();
    sweep_timer.cancel();
  }

  asio::io_context& io;
  ServerShared shared;
  asio::steady_timer sweep_timer;
  std::vector<std::shared_ptr<tcp::acceptor>> acceptors;
  std::unordered_set<std::shared_ptr<ServerConnection>> connections;
  std::uint16_t port = 0;
  bool sweeping = false;
  bool stopped = false;
};

Server::Server(asio::io_context& io, Router router, ServerLimits limits)
    : impl_(std::make_shared<Impl>(io, std::move(router), limits)) {}

Server::~Server() {
  // The observers may refer to what dies with our owner.
  impl_->shared.observer = nullptr;
  impl_->shared.handshake_observer = nullptr;
  impl_->cut();
}

Result<void> Server::listen(const std::string& host_port) {
  return impl_->listen(host_port);
}

std::uint16_t Server::port() const {
  return impl_->port;
}

void Server::use_tls(std::shared_ptr<TlsContext> context) {
  impl_->shared.tls = std::move(context);
}

void Server::on_handshake(std::function<void(HandshakeResult)> observer) {
  impl_->shared.handshake_observer = std::move(observer);
}

void Server::on_request(std::function<void(const RequestRecord&)> observer) {
  impl_->shared.observer = std::move(observer);
}

std::int64_t Server::connections() const {
  return static_cast<std::int64_t>(impl_->connections.size());
}

std::int64_t Server::inflight_requests() const {
  return impl_->shared.inflight;
}

asio::awaitable<void> Server::drain(std::chrono::milliseconds timeout) {
  return Impl::drain(impl_, timeout);
}

}  // namespace stormlog::http
