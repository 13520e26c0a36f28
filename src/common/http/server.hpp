#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/result.hpp"
#include "common/http/router.hpp"

namespace stormlog::http {

struct ServerLimits {
  std::uint64_t max_header_bytes = 16 * 1024;           // beyond: 431
  std::uint64_t max_body_bytes = 10 * 1024 * 1024;      // beyond: 413
  std::chrono::milliseconds header_timeout{10'000};     // first byte to end of header, else closed
  std::chrono::milliseconds body_timeout{30'000};       // end of header to end of body, else 408
  std::chrono::milliseconds idle_timeout{60'000};       // between requests, else closed
  std::chrono::milliseconds write_timeout{30'000};      // a reader that takes nothing, else closed
  std::int64_t max_connections = 10'000;                // beyond: accepted, answered 503, closed
  std::chrono::milliseconds handshake_timeout{10'000};  // of TLS, from the accept on, else closed
};

class TlsContext;

// How a TLS handshake came to its end.
enum class HandshakeResult { ok, failed, timed_out };

// What the server reports of each finished request; `route` is the pattern, never the raw path.
struct RequestRecord {
  std::string_view route;  // "" when no route matched
  std::string_view method;
  int status;
  Nanoseconds duration;  // from the last byte of the request to the last byte of the response
  const Request* request = nullptr;  // null where it could not be read; valid during the call
};

// HTTP/1.1 server over Boost.Beast: keep-alive, pipelining (answers in order), Expect:
// 100-continue, limits on header, body, time and connections; plain or over TLS. Malformed requests
// are answered 400 and the connection closed. An exception from a handler is answered 500 and
// logged.
//
// Threads:  everything on the io_context's one thread.
// Lifetime: outlives no io_context; drain() before destruction, else connections are cut.
// Errors:   listen() says which address and why.
// Source:   RFC 9112.
class Server {
 public:
  Server(asio::io_context& io, Router router, ServerLimits limits);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "127.0.0.1:8080", "[::1]:8080", "localhost:0". Port 0 takes a free one: see port().
  Result<void> listen(const std::string& host_port);
  std::uint16_t port() const;

  // What connections that are accepted from now on speak TLS with; null: they are plain. Those that
  // are open stay as they are. A server that is full closes TLS connections without a handshake.
  void use_tls(std::shared_ptr<TlsContext> context);
  void on_handshake(std::function<void(HandshakeResult)> observer);

  void on_request(std::function<void(const RequestRecord&)> observer);
  std::int64_t connections() const;
  std::int64_t inflight_requests() const;

  // Stops listening, answers what is under way with Connection: close, ends streams, and returns
  // when no connection is left or after `timeout`. Idle connections are closed after a moment in
  // which what their clients had sent already is still read and answered.
  asio::awaitable<void> drain(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stormlog::http
