#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.hpp"
#include "common/http/router.hpp"
#include "common/http/server.hpp"
#include "common/http/transport.hpp"

namespace stormlog::http {

// What all connections of one server share.
struct ServerShared {
  Router router;
  ServerLimits limits;
  std::function<void(const RequestRecord&)> observer;
  std::function<void(HandshakeResult)> handshake_observer;
  std::shared_ptr<TlsContext> tls;  // of connections to come
  std::int64_t inflight = 0;
  bool draining = false;
};

// One accepted connection, plain or over TLS: reads requests one after another, runs their
// handlers, writes the answers in order. Pipelined requests wait in the buffer.
//
// Threads:  everything on the io_context's one thread.
// Lifetime: kept alive by its own coroutine; `shared` must outlive it.
class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(asio::ip::tcp::socket socket, ServerShared& shared);

  asio::awaitable<void> run();
  // 503 + Retry-After and close: the server is full.
  asio::awaitable<void> refuse();

  void close_if_late(MonotonicTime now);
  // Between requests: closes soon, but reads what was sent before the client could know.
  void expect_last_request();
  void close();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  class ChunkWriter;
  struct Head {
    std::string_view route;
    bool keep_alive = true;
    bool http_1_0 = false;
    bool is_head = false;
  };

  asio::awaitable<bool> shake_hands();
  // The next request; empty when the connection is over (an error answer has been written then).
  asio::awaitable<std::optional<Request>> read_request(Head& head);
  asio::awaitable<bool> read_more(Parser& parser);
  asio::awaitable<bool> answer(Request& request, Head& head);
  asio::awaitable<Response> call(const Handler& handler, Request& request);
  asio::awaitable<bool> stream(const Route& route, Request& request, Head& head);
  asio::awaitable<bool> send(const Response& response, const Head& head);
  asio::awaitable<void> reject(const Response& response, bool reported = false);
  asio::awaitable<void> linger();
  asio::awaitable<void> watch_for_close();
  Response error_response(const boost::system::error_code& failure) const;
  void report(const Request& request, const Head& head, int status);
  void expect_within(std::chrono::milliseconds time);
  // What stands against a request whose body is still to come.
  std::optional<Response> early_refusal(Parser& parser, Head& head);
  Request take_request(Parser& parser, Head& head);
  Request head_of(Parser& parser, Head& head) const;

  Transport transport_;
  ServerShared& shared_;
  boost::beast::flat_buffer buffer_;
  std::string remote_;
  std::string certificate_;
  std::string out_;  // reused for each head
  MonotonicTime deadline_ = MonotonicTime::max();
  bool idle_ = true;
  bool late_ = false;
  bool closed_ = false;
  bool ended_ = false;  // nothing more may be written
};

}  // namespace stormlog::http
