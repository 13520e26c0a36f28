#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "common/http/message.hpp"

namespace stormlog::http {

namespace asio = boost::asio;

struct ClientRequest {
  std::string method = "POST";
  std::string target = "/";
  Headers headers;  // Host and Content-Length are added
  std::string body;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
  bool keep_alive = true;
};

// How far a failed exchange got: what a caller may conclude about its effect.
enum class ExchangePhase {
  not_sent,  // the server has not seen one byte of it: safe to send elsewhere
  sent,      // some or all of it may have arrived: the outcome is unknown
};

struct ExchangeError {
  ExchangePhase phase = ExchangePhase::not_sent;
  bool timed_out = false;
  std::string message;  // names the peer and the reason: "127.0.0.1:8081: connection refused"
};

// One kept-alive HTTP/1.1 client connection, for hot paths: the gateway's upstream and the load
// generator. One exchange at a time. Everything else uses curl_client.hpp.
//
// Threads: everything on the executor's one thread.
// Errors:  as ExchangeError; after one the connection is closed and connect() may be called again.
//          A kept-alive connection that the server closed before the first byte of the response of
//          a reused connection is reported with phase `sent`.
class ClientConnection {
 public:
  explicit ClientConnection(asio::any_io_executor executor);
  ~ClientConnection();
  ClientConnection(ClientConnection&&) noexcept;
  ClientConnection& operator=(ClientConnection&&) noexcept;

  // Resolves and connects (TCP_NODELAY). `host` is a name or an address.
  asio::awaitable<Result<void>> connect(std::string host, std::uint16_t port,
                                        std::chrono::milliseconds timeout);

  struct Outcome {
    bool ok = false;
    ClientResponse response;  // when ok
    ExchangeError error;      // when not
  };
  asio::awaitable<Outcome> exchange(ClientRequest request, std::chrono::milliseconds timeout);

  // For a response whose body has no end in sight, such as server-sent events: returns when its
  // head is there, without a body. Then read_piece(), until it returns nothing or the connection is
  // closed; it is of no use for another exchange.
  asio::awaitable<Outcome> begin_stream(ClientRequest request, std::chrono::milliseconds timeout);
  // What has arrived of the body; nothing at its end, when close() was called, when the peer has
  // gone, or after `silence`.
  asio::awaitable<std::optional<std::string>> read_piece(std::chrono::milliseconds silence);

  bool is_open() const;
  void close();

  // Completes when the peer closes or resets the idle connection, with true, or when cancelled by
  // exchange(), close() or cancel_watch(), with false. At most one at a time.
  asio::awaitable<bool> watch_peer_close();
  void cancel_watch();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stormlog::http
