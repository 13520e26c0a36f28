#include "common/http/client_connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <utility>

#include "common/base/clock.hpp"
#include "common/http/wire.hpp"

namespace stormlog::http {
namespace {

namespace beast = boost::beast;
using tcp = asio::ip::tcp;
constexpr auto kUse = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::uint64_t kMostBody = 64 * 1024 * 1024;
constexpr std::uint32_t kMostHeader = 64 * 1024;

}  // namespace

struct ClientConnection::Impl : std::enable_shared_from_this<ClientConnection::Impl> {
  using Parser = beast::http::response_parser<beast::http::string_body>;

  explicit Impl(asio::any_io_executor executor)
      : socket(executor), resolver(executor), timer(executor) {}

  // One timer for the life of the connection: it is left armed over exchanges and re-armed only
  // when it fires, so that an exchange costs no timer operation.
  void arm(std::chrono::milliseconds timeout) {
    late = false;
    deadline = SystemClock::instance().now() + timeout;
    if (timer_running && timer.expiry() <= deadline) return;
    timer_running = true;
    const std::uint64_t round = ++timer_round;
    timer.expires_at(deadline);
    timer.async_wait([weak = weak_from_this(), round](const boost::system::error_code&) {
      const auto self = weak.lock();
      if (self && self->timer_round == round) self->on_timer();
    });
  }

  void on_timer() {
    timer_running = false;
    if (deadline == MonotonicTime::max()) return;
    const auto left = deadline - SystemClock::instance().now();
    if (left > Nanoseconds{0}) {
      const auto until = deadline;
      arm(std::chrono::ceil<std::chrono::milliseconds>(left));
      deadline = until;
      return;
    }
    late = true;
    deadline = MonotonicTime::max();
    boost::system::error_code ignored;
    resolver.cancel();
    socket.cancel(ignored);
  }

  void disarm() { deadline = MonotonicTime::max(); }

  void close() {
    open = false;
    disarm();
    boost::system::error_code ignored;
    socket.close(ignored);
    buffer.clear();
  }

  void cancel_watch() {
    if (!watching) return;
    watching = false;
    boost::system::error_code ignored;
    socket.cancel(ignored);
  }

  std::string why(const boost::system::error_code& error) const {
    return peer + ": " + (late ? "timed out" : error.message());
  }

  static asio::awaitable<Result<void>> connect(std::shared_ptr<Impl> self, std::string host,
                                               std::uint16_t port,
                                               std::chrono::milliseconds timeout) {
    self->close();
    self->peer = host + ":" + std::to_string(port);
    self->arm(timeout);
    boost::system::error_code error;
    std::vector<tcp::endpoint> endpoints;
    if (const auto address = asio::ip::make_address(host, error); !error) {
      endpoints.emplace_back(address, port);
    } else {
      auto [failed, found] =
          co_await self->resolver.async_resolve(host, std::to_string(port), kUse);
      if (failed) {
        self->disarm();
        co_return Error::retriable(self->why(failed), "RESOLVE");
      }
      for (const auto& entry : found) endpoints.push_back(entry.endpoint());
    }
    error = asio::error::host_not_found;
    for (const tcp::endpoint& endpoint : endpoints) {
      boost::system::error_code ignored;
      self->socket.close(ignored);
      self->socket.open(endpoint.protocol(), error);
      if (error) continue;
      auto [failed] = co_await self->socket.async_connect(endpoint, kUse);
      error = failed;
      if (!error || self->late) break;
    }
    self->disarm();
    if (error || self->late) {
      const std::string message = self->why(error);
      self->close();
      co_return Error::retriable(message, error == asio::error::connection_refused ? "ECONNREFUSED"
                                          : self->late                             ? "ETIMEDOUT"
                                                                                   : "ECONNECT");
    }
    boost::system::error_code ignored;
    self->socket.set_option(tcp::no_delay(true), ignored);
    self->open = true;
    co_return Result<void>();
  }

  Outcome fail(ExchangePhase phase, std::string message) {
    Outcome outcome;
    outcome.error = {phase, late, std::move(message)};
    close();
    return outcome;
  }

  // Sends the request; the failure where that was not possible.
  static asio::awaitable<std::optional<Outcome>> send(std::shared_ptr<Impl> self,
                                                      const ClientRequest& request,
                                                      std::chrono::milliseconds timeout) {
    self->cancel_watch();
    if (!self->open) {
      co_return self->fail(ExchangePhase::not_sent, self->peer + ": not connected");
    }
    self->arm(timeout);
    self->head.clear();
    write_request_head(self->head, request, self->peer);
    const std::array<asio::const_buffer, 2> pieces = {asio::buffer(self->head),
                                                      asio::buffer(request.body)};
    auto [error, written] = co_await asio::async_write(self->socket, pieces, kUse);
    if (error) {
      const ExchangePhase phase = written == 0 ? ExchangePhase::not_sent : ExchangePhase::sent;
      co_return self->fail(phase, self->why(error));
    }
    co_return std::nullopt;
  }

  // Feeds the parser until it is done, or until its header is where that is enough.
  static asio::awaitable<std::optional<Outcome>> receive(std::shared_ptr<Impl> self, Parser& parser,
                                                         bool header_is_enough) {
    const auto enough = [&] {
      return parser.is_done() || (header_is_enough && parser.is_header_done());
    };
    boost::system::error_code error;
    while (!enough()) {
      if (self->buffer.size() > 0) {
        const std::size_t used = parser.put(self->buffer.data(), error);
        self->buffer.consume(used);
        if (error == beast::http::error::need_more) error = {};
        if (error) {
          co_return self->fail(ExchangePhase::sent,
                               self->peer + ": not an HTTP response: " + error.message());
        }
        if (enough()) break;
      }
      auto space = self->buffer.prepare(kReadSize);
      auto [read_error, n] = co_await self->socket.async_read_some(space, kUse);
      if (read_error == asio::error::eof && parser.is_header_done()) {
        parser.put_eof(error);  // a body without a length ends with the connection
        if (!error && parser.is_done()) break;
      }
      if (read_error) co_return self->fail(ExchangePhase::sent, self->why(read_error));
      self->buffer.commit(n);
    }
    // 100 Continue and the like are followed by the response proper.
    if (parser.get().result_int() / 100 == 1) {
      co_return self->fail(ExchangePhase::sent, self->peer + ": unexpected interim response");
    }
    co_return std::nullopt;
  }

  static void take_head(const Parser& parser, ClientResponse& response) {
    response.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
      response.headers.add(std::string(field.name_string()), std::string(field.value()));
    }
  }

  static asio::awaitable<Outcome> exchange(std::shared_ptr<Impl> self, ClientRequest request,
                                           std::chrono::milliseconds timeout) {
    if (auto failed = co_await send(self, request, timeout)) co_return std::move(*failed);
    Parser parser;
    parser.eager(true);
    parser.header_limit(kMostHeader);
    parser.body_limit(kMostBody);
    if (request.method == "HEAD") parser.skip(true);
    if (auto failed = co_await receive(self, parser, false)) co_return std::move(*failed);
    self->disarm();

    Outcome outcome;
    outcome.ok = true;
    take_head(parser, outcome.response);
    const bool keep_alive = parser.get().keep_alive() && !parser.get().need_eof();
    outcome.response.body = std::move(parser.get().body());
    outcome.response.keep_alive = keep_alive;
    // Bytes behind a response that nobody asked for: not to be mixed with the next one.
    if (!keep_alive || self->buffer.size() > 0) self->close();
    co_return outcome;
  }

  static asio::awaitable<Outcome> begin_stream(std::shared_ptr<Impl> self, ClientRequest request,
                                               std::chrono::milliseconds timeout) {
    if (auto failed = co_await send(self, request, timeout)) co_return std::move(*failed);
    Parser& parser = self->streamed.emplace();
    parser.header_limit(kMostHeader);
    parser.body_limit(boost::none);
    if (auto failed = co_await receive(self, parser, true)) co_return std::move(*failed);
    self->disarm();
    parser.eager(true);
    Outcome outcome;
    outcome.ok = true;
    outcome.response.keep_alive = false;
    take_head(parser, outcome.response);
    co_return outcome;
  }

  static asio::awaitable<std::optional<std::string>> read_piece(std::shared_ptr<Impl> self,
                                                                std::chrono::milliseconds silence) {
    if (!self->open || !self->streamed) co_return std::nullopt;
    Parser& parser = *self->streamed;
    self->arm(silence);
    boost::system::error_code error;
    for (;;) {
      if (self->buffer.size() > 0) {
        const std::size_t used = parser.put(self->buffer.data(), error);
        self->buffer.consume(used);
        if (error == beast::http::error::need_more) error = {};
      }
      std::string piece = std::exchange(parser.get().body(), {});
      if (!piece.empty()) {
        self->disarm();
        co_return piece;
      }
      if (error || parser.is_done()) break;
      auto space = self->buffer.prepare(kReadSize);
      auto [read_error, n] = co_await self->socket.async_read_some(space, kUse);
      if (read_error) break;
      self->buffer.commit(n);
    }
    self->close();
    co_return std::nullopt;
  }

  static asio::awaitable<bool> watch(std::shared_ptr<Impl> self) {
    if (!self->open) co_return true;
    self->watching = true;
    auto [error] = co_await self->socket.async_wait(tcp::socket::wait_read, kUse);
    const bool cancelled = error == asio::error::operation_aborted || !self->watching;
    if (cancelled) co_return false;
    // An end, a reset, or bytes that nobody asked for: the connection is of no more use.
    self->watching = false;
    self->close();
    co_return true;
  }

  tcp::socket socket;
  tcp::resolver resolver;
  asio::steady_timer timer;
  beast::flat_buffer buffer;
  std::optional<Parser> streamed;
  std::string peer = "(no peer)";
  std::string head;
  MonotonicTime deadline = MonotonicTime::max();
  std::uint64_t timer_round = 0;
  bool timer_running = false;
  bool late = false;
  bool open = false;
  bool watching = false;
};

ClientConnection::ClientConnection(asio::any_io_executor executor)
    : impl_(std::make_shared<Impl>(std::move(executor))) {}

ClientConnection::~ClientConnection() {
  if (!impl_) return;
  impl_->cancel_watch();
  impl_->close();
  impl_->timer.cancel();
}

ClientConnection::ClientConnection(ClientConnection&&) noexcept = default;
ClientConnection& ClientConnection::operator=(ClientConnection&&) noexcept = default;

asio::awaitable<Result<void>> ClientConnection::connect(std::string host, std::uint16_t port,
                                                        std::chrono::milliseconds timeout) {
  return Impl::connect(impl_, std::move(host), port, timeout);
}

asio::awaitable<ClientConnection::Outcome> ClientConnection::exchange(
    ClientRequest request, std::chrono::milliseconds timeout) {
  return Impl::exchange(impl_, std::move(request), timeout);
}

asio::awaitable<ClientConnection::Outcome> ClientConnection::begin_stream(
    ClientRequest request, std::chrono::milliseconds timeout) {
  return Impl::begin_stream(impl_, std::move(request), timeout);
}

asio::awaitable<std::optional<std::string>> ClientConnection::read_piece(
    std::chrono::milliseconds silence) {
  return Impl::read_piece(impl_, silence);
}

bool ClientConnection::is_open() const {
  return impl_->open;
}

void ClientConnection::close() {
  impl_->watching = false;
  impl_->close();
}

asio::awaitable<bool> ClientConnection::watch_peer_close() {
  return Impl::watch(impl_);
}

void ClientConnection::cancel_watch() {
  impl_->cancel_watch();
}

}  // namespace stormlog::http
