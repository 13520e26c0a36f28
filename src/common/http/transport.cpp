#include "common/http/transport.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace stormlog::http {

constexpr auto kUse = asio::as_tuple(asio::use_awaitable);

asio::awaitable<boost::system::error_code> Transport::handshake(
    std::shared_ptr<TlsContext> context) {
  context_ = std::move(context);
  tls_ = std::make_unique<asio::ssl::stream<asio::ip::tcp::socket&>>(socket_, context_->context());
  auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::server, kUse);
  co_return error;
}

asio::awaitable<void> Transport::say_goodbye() {
  if (tls_) co_await tls_->async_shutdown(kUse);
}

}  // namespace stormlog::http
