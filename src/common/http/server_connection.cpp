#include "common/http/server_connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

#include "common/base/log.hpp"
#include "common/http/wire.hpp"

namespace stormlog::http {
namespace {

namespace beast = boost::beast;
constexpr auto kUse = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::size_t kMostLingered = 1024 * 1024;
constexpr std::chrono::milliseconds kLingerTime{1'000};
// A request that was on its way when draining began has arrived within this time.
constexpr std::chrono::milliseconds kLastRequestTime{250};
constexpr std::chrono::seconds kAskAgain{1};  // whether a stream may still be read

}  // namespace

// Frames the pieces of a streamed body.
class ServerConnection::ChunkWriter final : public StreamWriter {
 public:
  ChunkWriter(ServerConnection& connection, bool chunked, const Route& route, Request& request)
      : connection_(connection), chunked_(chunked), route_(route), request_(request) {}

  asio::awaitable<bool> write(std::string_view piece) override {
    if (broken() || piece.empty()) co_return !broken();
    if (!still_allowed()) co_return false;
    std::string framed;
    if (chunked_) {
      append_chunk(framed, piece);
    } else {
      framed = piece;
    }
    co_return co_await send(framed);
  }

  asio::awaitable<void> finish() {
    if (broken() || !chunked_) co_return;
    std::string last = "0\r\n\r\n";
    co_await send(last);
  }

 private:
  bool broken() const { return connection_.closed_ || connection_.shared_.draining; }

  // Who was let in may have lost the right meanwhile.
  bool still_allowed() {
    const MonotonicTime now = std::chrono::steady_clock::now();
    if (now < ask_at_) return true;
    ask_at_ = now + kAskAgain;
    return !connection_.shared_.router.refusal(route_, request_);
  }

  asio::awaitable<bool> send(const std::string& bytes) {
    connection_.expect_within(connection_.shared_.limits.write_timeout);
    auto [error, n] = co_await asio::async_write(connection_.transport_, asio::buffer(bytes), kUse);
    connection_.deadline_ = MonotonicTime::max();
    if (error) connection_.close();
    co_return !error;
  }

  ServerConnection& connection_;
  bool chunked_;
  const Route& route_;
  Request& request_;
  MonotonicTime ask_at_ = std::chrono::steady_clock::now() + kAskAgain;
};

ServerConnection::ServerConnection(asio::ip::tcp::socket socket, ServerShared& shared)
    : transport_(std::move(socket)),
      shared_(shared),
      buffer_(shared.limits.max_header_bytes + kReadSize) {
  boost::system::error_code error;
  const auto endpoint = transport_.socket().remote_endpoint(error);
  if (!error) remote_ = to_string(endpoint);
}

void ServerConnection::expect_within(std::chrono::milliseconds time) {
  deadline_ = SystemClock::instance().now() + time;
}

void ServerConnection::close_if_late(MonotonicTime now) {
  if (now < deadline_) return;
  boost::system::error_code unknown;
  if (idle_ && transport_.socket().available(unknown) > 0)
    return;  // a request has come, and is read next
  late_ = true;
  deadline_ = MonotonicTime::max();
  boost::system::error_code ignored;
  transport_.socket().cancel(ignored);
}

void ServerConnection::expect_last_request() {
  if (idle_) expect_within(kLastRequestTime);
}

void ServerConnection::close() {
  closed_ = true;
  boost::system::error_code ignored;
  transport_.socket().close(ignored);
}

asio::awaitable<void> ServerConnection::run() {
  const auto self = shared_from_this();
  bool open = true;
  if (shared_.tls != nullptr) open = co_await shake_hands();
  while (open) {
    Head head;
    std::optional<Request> request = co_await read_request(head);
    if (!request) break;
    ++shared_.inflight;
    const bool go_on = co_await answer(*request, head);
    --shared_.inflight;
    if (!go_on || closed_) break;
  }
  if (open && transport_.is_tls() && !closed_ && !ended_) {
    expect_within(kLingerTime);
    co_await transport_.say_goodbye();
  }
  close();
}

asio::awaitable<bool> ServerConnection::shake_hands() {
  expect_within(shared_.limits.handshake_timeout);
  const boost::system::error_code error = co_await transport_.handshake(shared_.tls);
  deadline_ = MonotonicTime::max();
  if (!error) certificate_ = transport_.peer();
  const HandshakeResult result = !error  ? HandshakeResult::ok
                                 : late_ ? HandshakeResult::timed_out
                                         : HandshakeResult::failed;
  if (shared_.handshake_observer) shared_.handshake_observer(result);
  if (error) {
    log::debug("TLS handshake failed", {{"remote", remote_}, {"reason", error.message()}});
  }
  co_return !error && !closed_;
}

asio::awaitable<void> ServerConnection::refuse() {
  const auto self = shared_from_this();
  if (shared_.tls != nullptr) {
    // A handshake for a refusal would cost more than many requests.
    close();
    co_return;
  }
  const Response full = problem(503, "too many connections", 1);
  co_await reject(full);
  close();
}

asio::awaitable<bool> ServerConnection::read_more(Parser& parser) {
  const bool in_message = parser.got_some();
  auto space = buffer_.prepare(std::min(kReadSize, buffer_.max_size() - buffer_.size()));
  auto [error, n] = co_await transport_.async_read_some(space, kUse);
  if (!error) {
    buffer_.commit(n);
    co_return true;
  }
  if (late_ && !closed_ && (in_message || buffer_.size() > 0)) {
    late_ = false;
    co_await reject(problem(408, "the request did not arrive in time"));
  }
  co_return false;
}

asio::awaitable<std::optional<Request>> ServerConnection::read_request(Head& head) {
  Parser parser;
  parser.eager(true);
  parser.header_limit(static_cast<std::uint32_t>(shared_.limits.max_header_bytes));
  parser.body_limit(shared_.limits.max_body_bytes);

  idle_ = buffer_.size() == 0;
  bool header_seen = false;
  if (idle_) {
    expect_within(shared_.draining ? kLastRequestTime : shared_.limits.idle_timeout);
    const bool more = co_await read_more(parser);
    if (!more) co_return std::nullopt;
    idle_ = false;
  }
  expect_within(shared_.limits.header_timeout);
  for (;;) {
    boost::system::error_code error;
    const std::size_t used = parser.put(buffer_.data(), error);
    buffer_.consume(used);
    if (error == beast::http::error::need_more) error = {};
    if (error) {
      const Response response = error_response(error);
      co_await reject(response);
      co_return std::nullopt;
    }
    if (parser.is_header_done() && !header_seen) {
      header_seen = true;
      const auto& message = parser.get();
      if (message.version() == 11 && message.count(beast::http::field::host) != 1) {
        co_await reject(problem(400, "exactly one Host field is needed (RFC 9112, 3.2)"));
        co_return std::nullopt;
      }
      if (message.count(beast::http::field::transfer_encoding) > 0 && !message.chunked()) {
        co_await reject(problem(501, "of the transfer codings only chunked is known"));
        co_return std::nullopt;
      }
      if (!parser.is_done() && shared_.router.guarded()) {
        const std::optional<Response> refusal = early_refusal(parser, head);
        if (refusal) {
          co_await reject(*refusal, true);
          co_return std::nullopt;
        }
      }
      expect_within(shared_.limits.body_timeout);
      if (!parser.is_done() &&
          beast::iequals(message[beast::http::field::expect], "100-continue")) {
        static const std::string kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        auto [failed, n] = co_await asio::async_write(transport_, asio::buffer(kContinue), kUse);
        if (failed) co_return std::nullopt;
      }
    }
    if (parser.is_done()) break;
    const bool more = co_await read_more(parser);
    if (!more) co_return std::nullopt;
  }
  deadline_ = MonotonicTime::max();
  co_return take_request(parser, head);
}

Request ServerConnection::head_of(Parser& parser, Head& head) const {
  auto& message = parser.get();
  Request request;
  request.received = SystemClock::instance().now();
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) {
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  }
  request.remote = remote_;
  request.certificate = certificate_;
  head.keep_alive = message.keep_alive();
  head.http_1_0 = message.version() == 10;
  head.is_head = request.method == "HEAD";
  return request;
}

Request ServerConnection::take_request(Parser& parser, Head& head) {
  Request request = head_of(parser, head);
  request.body = std::move(parser.get().body());
  return request;
}

std::optional<Response> ServerConnection::early_refusal(Parser& parser, Head& head) {
  Request request = head_of(parser, head);
  Response unmatched;
  const Route* route = shared_.router.match(request, unmatched);
  if (route == nullptr) return std::nullopt;
  std::optional<Response> refusal = shared_.router.refusal(*route, request);
  if (refusal) {
    head.route = route->pattern;
    report(request, head, refusal->status);
  }
  return refusal;
}

Response ServerConnection::error_response(const boost::system::error_code& failure) const {
  using beast::http::error;
  const auto& limits = shared_.limits;
  if (failure == error::header_limit || failure == error::buffer_overflow) {
    return problem(
        431, "the header is longer than " + std::to_string(limits.max_header_bytes) + " bytes");
  }
  if (failure == error::body_limit) {
    return problem(413,
                   "the body is longer than " + std::to_string(limits.max_body_bytes) + " bytes");
  }
  if (failure == error::bad_version) return problem(505, "only HTTP/1.0 and HTTP/1.1 are known");
  return problem(400, "not an HTTP request: " + failure.message());
}

asio::awaitable<bool> ServerConnection::answer(Request& request, Head& head) {
  Response response;
  const Route* route = shared_.router.match(request, response);
  if (route != nullptr) {
    head.route = route->pattern;
    std::optional<Response> refusal = shared_.router.refusal(*route, request);
    if (refusal) {
      response = std::move(*refusal);
    } else if (route->stream) {
      co_return co_await stream(*route, request, head);
    } else {
      response = co_await call(route->handler, request);
    }
  }
  if (shared_.draining) head.keep_alive = false;
  const bool sent = co_await send(response, head);
  report(request, head, response.status);
  co_return sent&& head.keep_alive;
}

asio::awaitable<Response> ServerConnection::call(const Handler& handler, Request& request) {
  std::string failure;
  try {
    co_return co_await handler(request);
  } catch (const std::exception& e) {
    failure = e.what();
  }
  log::error("request handler failed",
             {{"method", request.method}, {"path", request.path()}, {"error", failure}});
  co_return problem(500, "an internal error; it is in the service's log");
}

asio::awaitable<bool> ServerConnection::stream(const Route& route, Request& request, Head& head) {
  std::pair<Response, Stream> result;
  std::string failure;
  try {
    result = co_await route.stream(request);
  } catch (const std::exception& e) {
    failure = e.what();
  }
  if (!failure.empty()) {
    log::error("request handler failed", {{"path", request.path()}, {"error", failure}});
    result.first = problem(500, "an internal error; it is in the service's log");
  }
  if (result.first.status != 200 || !result.second || head.is_head) {
    const bool sent = co_await send(result.first, head);
    report(request, head, result.first.status);
    co_return sent&& head.keep_alive;
  }

  out_.clear();
  const Framing framing = head.http_1_0 ? Framing::until_close : Framing::chunked;
  write_response_head(out_, result.first, framing, false, head.http_1_0);
  expect_within(shared_.limits.write_timeout);
  auto [error, n] = co_await asio::async_write(transport_, asio::buffer(out_), kUse);
  deadline_ = MonotonicTime::max();
  if (error) co_return false;
  ended_ = true;  // the end of the body ends the connection, which is being read meanwhile
  // A stream may be silent for long: its end is also told by the client's.
  asio::co_spawn(
      transport_.get_executor(),
      [self = shared_from_this()]() -> asio::awaitable<void> { return self->watch_for_close(); },
      asio::detached);
  ChunkWriter writer(*this, framing == Framing::chunked, route, request);
  try {
    co_await result.second(writer);
  } catch (const std::exception& e) {
    failure = e.what();
  }
  if (failure.empty()) {
    co_await writer.finish();
  } else {
    log::error("stream failed", {{"path", request.path()}, {"error", failure}});
  }
  report(request, head, 200);
  co_return false;
}

asio::awaitable<void> ServerConnection::watch_for_close() {
  const auto self = shared_from_this();
  std::array<char, 1024> waste;
  while (!closed_) {
    auto [error, n] = co_await transport_.async_read_some(asio::buffer(waste), kUse);
    if (error && !closed_) close();
  }
}

asio::awaitable<bool> ServerConnection::send(const Response& response, const Head& head) {
  const bool no_body = response.status == 204 || response.status == 304 || response.status < 200;
  out_.clear();
  write_response_head(out_, response, no_body ? Framing::no_body : Framing::length, head.keep_alive,
                      head.http_1_0);
  expect_within(shared_.limits.write_timeout);
  boost::system::error_code failed;
  if (no_body || head.is_head || response.body.empty()) {
    auto [error, n] = co_await asio::async_write(transport_, asio::buffer(out_), kUse);
    failed = error;
  } else {
    const std::array<asio::const_buffer, 2> pieces = {asio::buffer(out_),
                                                      asio::buffer(response.body)};
    auto [error, n] = co_await asio::async_write(transport_, pieces, kUse);
    failed = error;
  }
  deadline_ = MonotonicTime::max();
  co_return !failed;
}

asio::awaitable<void> ServerConnection::reject(const Response& response, bool reported) {
  Head head;
  head.keep_alive = false;
  const bool sent = co_await send(response, head);
  if (shared_.observer && !reported) {
    shared_.observer({"", "", response.status, Nanoseconds{0}});
  }
  if (sent) co_await linger();
}

// Closing with unread bytes would make the kernel send RST, and the client might lose the answer.
// Below TLS: what still comes is not worth deciphering.
asio::awaitable<void> ServerConnection::linger() {
  ended_ = true;
  boost::system::error_code error;
  transport_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error) co_return;
  std::array<char, kReadSize> waste;
  expect_within(kLingerTime);
  for (std::size_t total = 0; total < kMostLingered;) {
    auto [failed, n] = co_await transport_.socket().async_read_some(asio::buffer(waste), kUse);
    if (failed) co_return;
    total += n;
  }
}

void ServerConnection::report(const Request& request, const Head& head, int status) {
  if (!shared_.observer) return;
  shared_.observer({head.route, request.method, status,
                    SystemClock::instance().now() - request.received, &request});
}

}  // namespace stormlog::http
