#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "common/http/client_connection.hpp"
#include "common/http/message.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

namespace asio = boost::asio;

struct QueryProxyConfig {
  std::chrono::milliseconds connect_timeout{500};
  std::chrono::milliseconds timeout{10'000};
  // Reads under way at once; one more is answered 503.
  std::int64_t connections = 64;
};

resilience::CircuitBreakerConfig query_breaker_config();

// Passes reads on to the log consumer and its answers back, behind a breaker: 503 + Retry-After
// while it is down, 504 when it does not answer in time.
//
// Threads:  everything on the io_context's one thread.
// Lifetime: must outlive its forward() calls.
class QueryProxy {
 public:
  QueryProxy(asio::io_context& io, http::Url url, QueryProxyConfig config,
             std::shared_ptr<resilience::CircuitBreaker> breaker);

  asio::awaitable<http::Response> forward(http::Request& request);

 private:
  // Where a connection of the pool has been closed meanwhile, tries once more on a fresh one: a
  // read may be repeated.
  asio::awaitable<http::ClientConnection::Outcome> exchange(const http::Request& request);
  asio::awaitable<http::ClientConnection::Outcome> exchange_on(
      std::unique_ptr<http::ClientConnection> connection, http::ClientRequest request);

  asio::io_context& io_;
  const http::Url url_;
  const QueryProxyConfig config_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  std::vector<std::unique_ptr<http::ClientConnection>> idle_;
  std::shared_ptr<std::int64_t> under_way_ = std::make_shared<std::int64_t>(0);
};

}  // namespace stormlog::pipeline
