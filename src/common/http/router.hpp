#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/message.hpp"

namespace stormlog::http {

namespace asio = boost::asio;

// Writes the body of a streaming response, such as server-sent events, piece by piece.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  // False once the client has gone, may no longer read this, or the server stops; then return.
  virtual asio::awaitable<bool> write(std::string_view piece) = 0;
};

using Handler = std::function<asio::awaitable<Response>(Request&)>;
// Called after the response's head was sent; the body ends when it returns.
using Stream = std::function<asio::awaitable<void>(StreamWriter&)>;
// Returns the head (status and headers; the body is ignored unless status is not 200) and the body.
using StreamHandler = std::function<asio::awaitable<std::pair<Response, Stream>>(Request&)>;

struct Route {
  std::string method;
  std::string pattern;  // "/api/v1/logs/{id}"; a part in braces matches one path segment
  Handler handler;
  StreamHandler stream;
};

// Finds the route of a request. Unknown paths are answered 404 and known paths with another method
// 405 + Allow, both as problem+json; HEAD is answered by the GET route without its body. A path
// that is a pattern word for word is that resource for every method, whatever parts in braces would
// match it. Source: OpenAPI 3.1 §4.8.8.2.
class Router {
 public:
  void add(std::string method, std::string pattern, Handler handler);
  void add_stream(std::string method, std::string pattern, StreamHandler handler);

  // Instead of problem+json; `allowed` is empty where no resource is at that path, else the methods
  // that it knows, as in the Allow header.
  using Unmatched = std::function<Response(const Request&, const std::string& allowed)>;
  void answer_unmatched(Unmatched answer) { unmatched_ = std::move(answer); }

  // Asked before the handler of each matched request, and before its body is read where that has
  // not come with the header: an answer is given instead of the handler's. It may be asked twice
  // of a request that it lets pass, and is asked again once a second while a stream is written,
  // which ends where there is an answer.
  using Guard = std::function<std::optional<Response>(const Route&, Request&)>;
  void guard(Guard guard) { guard_ = std::move(guard); }
  bool guarded() const { return guard_ != nullptr; }
  std::optional<Response> refusal(const Route& route, Request& request) const {
    return guard_ ? guard_(route, request) : std::nullopt;
  }

  // The route and, in `request`, its path parameters; null when none fits, with `error` set.
  const Route* match(Request& request, Response& error) const;

 private:
  std::vector<Route> routes_;
  Unmatched unmatched_;
  Guard guard_;
};

}  // namespace stormlog::http
