#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "common/http/client_connection.hpp"
#include "common/http/message.hpp"
#include "common/http/router.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

namespace asio = boost::asio;

struct QueryProxyConfig {
  // Sent as "Authorization: Bearer …" in the place of the client's own; "" = that is passed on.
  std::string token;
  std::chrono::milliseconds connect_timeout{500};
  std::chrono::milliseconds timeout{10'000};
  // Reads under way at once; one more is answered 503.
  std::int64_t connections = 64;
  // Streams at once, beside the reads.
  std::int64_t streams = 64;
  // A stream that is silent for longer has lost its consumer: that sends a heartbeat every 5 s.
  std::chrono::milliseconds stream_silence{20'000};
};

resilience::CircuitBreakerConfig query_breaker_config();

// Passes requests on to the log consumer and its answers back, behind a breaker: 503 + Retry-After
// while it is down, 504 when it does not answer in time.
//
// Threads:  everything on the io_context's one thread.
// Lifetime: must outlive its forward() and stream() calls.
class QueryProxy {
 public:
  QueryProxy(asio::io_context& io, http::Url url, QueryProxyConfig config,
             std::shared_ptr<resilience::CircuitBreaker> breaker);

  asio::awaitable<http::Response> forward(http::Request& request);

  // For server-sent events: piece by piece as they come, and no faster than the client takes them.
  // Either side's end ends the other: the client's is noticed with the next piece or heartbeat.
  asio::awaitable<std::pair<http::Response, http::Stream>> stream(http::Request& request);
  // Ends all streams, now and later; before the server drains.
  void close_streams();

 private:
  // Where a connection of the pool has been closed meanwhile, tries once more on a fresh one: a
  // read may be repeated. What changes something gets a fresh one at once, and one try.
  asio::awaitable<http::ClientConnection::Outcome> exchange(const http::Request& request);
  asio::awaitable<http::ClientConnection::Outcome> exchange_on(
      std::unique_ptr<http::ClientConnection> connection, http::ClientRequest request);

  asio::io_context& io_;
  const http::Url url_;
  const QueryProxyConfig config_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  std::vector<std::unique_ptr<http::ClientConnection>> idle_;
  std::shared_ptr<std::int64_t> under_way_ = std::make_shared<std::int64_t>(0);
  std::vector<std::weak_ptr<http::ClientConnection>> streams_;
  bool closing_ = false;
};

}  // namespace stormlog::pipeline
