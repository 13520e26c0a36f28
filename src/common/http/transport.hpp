#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <string>
#include <utility>

#include "common/http/tls_context.hpp"

namespace stormlog::http {

namespace asio = boost::asio;

// A connection's bytes, plain or over TLS: an AsyncReadStream and AsyncWriteStream of Asio.
//
// One class and no template over the stream, so that what uses it exists once. A plain read or
// write costs one branch more than the socket's own, no allocation and no indirect call.
//
// Threads:  its executor's.
// Lifetime: must outlive its operations.
class Transport {
 public:
  using executor_type = asio::ip::tcp::socket::executor_type;

  explicit Transport(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  executor_type get_executor() { return socket_.get_executor(); }
  // What lies below TLS: for cancel, close and shutdown.
  asio::ip::tcp::socket& socket() { return socket_; }
  bool is_tls() const { return tls_ != nullptr; }

  // The server's part of the handshake; before the first byte is read or written.
  asio::awaitable<boost::system::error_code> handshake(std::shared_ptr<TlsContext> context);
  // Says that nothing follows (close_notify), so that the end cannot be mistaken for a cut; waits
  // for the other side to say so too.
  asio::awaitable<void> say_goodbye();
  // See peer_subject(); "" for a plain connection.
  std::string peer() const { return tls_ ? peer_subject(tls_->native_handle()) : std::string(); }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& into) {
          if (tls_) {
            tls_->async_read_some(into, std::move(handler));
          } else {
            socket_.async_read_some(into, std::move(handler));
          }
        },
        token, buffers);
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          if (tls_) {
            tls_->async_write_some(from, std::move(handler));
          } else {
            socket_.async_write_some(from, std::move(handler));
          }
        },
        token, buffers);
  }

 private:
  asio::ip::tcp::socket socket_;
  std::shared_ptr<TlsContext> context_;  // outlives the stream
  std::unique_ptr<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
};

}  // namespace stormlog::http
