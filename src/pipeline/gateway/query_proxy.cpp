#include "pipeline/gateway/query_proxy.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "common/base/log.hpp"
#include "pipeline/ingest/refusal.hpp"

namespace stormlog::pipeline {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxIdle = 16;

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

// Fields of one hop, and those that our own server writes. Source: RFC 9110 §7.6.1.
bool passes_back(std::string_view name) {
  constexpr std::array<std::string_view, 10> kStays = {
      "Connection", "Keep-Alive", "Proxy-Connection", "TE",   "Trailer",
      "Upgrade",    "Server",     "Content-Length",   "Date", "Transfer-Encoding"};
  return std::none_of(kStays.begin(), kStays.end(),
                      [name](std::string_view stays) { return same_name(name, stays); });
}

http::ClientRequest request_to_consumer(const http::Request& request, const std::string& token) {
  http::ClientRequest out;
  out.method = request.method == "HEAD" ? "GET" : request.method;
  out.target = request.target;
  out.body = request.body;
  for (const char* name : {"Accept", "traceparent", "tracestate", "If-None-Match", "Last-Event-ID",
                           "Content-Type", "Authorization"}) {
    if (request.headers.has(name)) out.headers.add(name, std::string(request.headers.get(name)));
  }
  // The gateway has asked who it is, and vouches for it.
  if (!token.empty()) out.headers.set("Authorization", "Bearer " + token);
  return out;
}

http::Response response_of(http::ClientResponse&& from) {
  http::Response response;
  response.status = from.status;
  for (const auto& [name, value] : from.headers) {
    if (passes_back(name)) response.headers.add(name, value);
  }
  response.body = std::move(from.body);
  return response;
}

// Counts a read while it is under way, also when its coroutine is destroyed.
class UnderWay {
 public:
  explicit UnderWay(std::shared_ptr<std::int64_t> count) : count_(std::move(count)) { ++*count_; }
  ~UnderWay() { --*count_; }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

 private:
  std::shared_ptr<std::int64_t> count_;  // the coroutine may be destroyed after the proxy
};

// What the consumer's answer says about its health.
void settle(resilience::Permit& permit, int status) {
  if (status == 503 || status == 504) {
    permit.ignore();  // it lives and says so
  } else if (status >= 500) {
    permit.failure();
  } else {
    permit.success();
  }
}

http::Response answer_failure(const http::ExchangeError& error) {
  log::info("request to the log consumer failed", {{"reason", error.message}});
  if (error.timed_out && error.phase == http::ExchangePhase::sent) {
    return http::problem(504, "the log consumer did not answer in time");
  }
  return unavailable("the log consumer is not available", std::chrono::seconds(1));
}

asio::awaitable<void> relay(std::shared_ptr<http::ClientConnection> from, milliseconds silence,
                            http::StreamWriter& to) {
  for (;;) {
    const std::optional<std::string> piece = co_await from->read_piece(silence);
    if (!piece) break;
    const bool written = co_await to.write(*piece);
    if (!written) break;
  }
  from->close();
}

}  // namespace

resilience::CircuitBreakerConfig query_breaker_config() {
  resilience::CircuitBreakerConfig config;
  config.window_size = 50;
  config.minimum_calls = 10;
  config.failure_rate_percent = 50;
  config.slow_call = milliseconds(60'000);
  config.consecutive_failures = 3;
  config.half_open_permits = 2;
  config.open_wait = milliseconds(250);
  config.open_wait_max = milliseconds(2'000);
  config.open_wait_factor = 1.5;
  config.open_wait_jitter = 0.2;
  config.half_open_lease = milliseconds(15'000);
  return config;
}

QueryProxy::QueryProxy(asio::io_context& io, http::Url url, QueryProxyConfig config,
                       std::shared_ptr<resilience::CircuitBreaker> breaker)
    : io_(io), url_(std::move(url)), config_(config), breaker_(std::move(breaker)) {}

asio::awaitable<http::Response> QueryProxy::forward(http::Request& request) {
  if (*under_way_ >= config_.connections) {
    co_return unavailable("too many reads are under way", std::chrono::seconds(1));
  }
  const auto breaker = breaker_;  // held for the permit
  resilience::Permit permit = breaker->acquire();
  if (!permit) {
    co_return unavailable("the log consumer is not available", breaker->remaining_open());
  }
  const UnderWay counted(under_way_);
  http::ClientConnection::Outcome outcome = co_await exchange(request);
  if (!outcome.ok) {
    permit.failure();
    co_return answer_failure(outcome.error);
  }
  settle(permit, outcome.response.status);
  co_return response_of(std::move(outcome.response));
}

asio::awaitable<std::pair<http::Response, http::Stream>> QueryProxy::stream(
    http::Request& request) {
  const auto refuse = [](http::Response response) {
    return std::pair(std::move(response), http::Stream());
  };
  std::erase_if(streams_, [](const auto& stream) { return stream.expired(); });
  if (closing_ || static_cast<std::int64_t>(streams_.size()) >= config_.streams) {
    co_return refuse(unavailable("too many streams are open", std::chrono::seconds(1)));
  }
  const auto breaker = breaker_;
  resilience::Permit permit = breaker->acquire();
  if (!permit) {
    co_return refuse(unavailable("the log consumer is not available", breaker->remaining_open()));
  }
  const auto connection = std::make_shared<http::ClientConnection>(io_.get_executor());
  streams_.push_back(connection);
  http::ClientConnection::Outcome outcome;
  const auto connected =
      co_await connection->connect(url_.host, url_.port, config_.connect_timeout);
  if (connected.ok()) {
    http::ClientRequest sent = request_to_consumer(request, config_.token);
    outcome = co_await connection->begin_stream(std::move(sent), config_.timeout);
  } else {
    outcome.error.message = connected.error().message;
  }
  if (!outcome.ok) {
    permit.failure();
    co_return refuse(answer_failure(outcome.error));
  }
  settle(permit, outcome.response.status);
  http::Response head = response_of(std::move(outcome.response));
  if (head.status != 200) {
    while (const auto piece = co_await connection->read_piece(config_.timeout)) head.body += *piece;
    co_return refuse(std::move(head));
  }
  http::Stream stream = [connection, silence = config_.stream_silence](http::StreamWriter& writer) {
    return relay(connection, silence, writer);
  };
  co_return std::pair(std::move(head), std::move(stream));
}

void QueryProxy::close_streams() {
  closing_ = true;
  for (const auto& stream : streams_) {
    if (const auto connection = stream.lock()) connection->close();
  }
}

asio::awaitable<http::ClientConnection::Outcome> QueryProxy::exchange(
    const http::Request& request) {
  const bool may_repeat = request.method == "GET" || request.method == "HEAD";
  if (may_repeat && !idle_.empty()) {
    std::unique_ptr<http::ClientConnection> connection = std::move(idle_.back());
    idle_.pop_back();
    http::ClientRequest first = request_to_consumer(request, config_.token);
    http::ClientConnection::Outcome outcome =
        co_await exchange_on(std::move(connection), std::move(first));
    if (outcome.ok || outcome.error.timed_out) co_return outcome;
    idle_.clear();  // they were opened to the same process, which has gone
  }
  auto fresh = std::make_unique<http::ClientConnection>(io_.get_executor());
  http::ClientRequest again = request_to_consumer(request, config_.token);
  http::ClientConnection::Outcome outcome =
      co_await exchange_on(std::move(fresh), std::move(again));
  co_return outcome;
}

asio::awaitable<http::ClientConnection::Outcome> QueryProxy::exchange_on(
    std::unique_ptr<http::ClientConnection> connection, http::ClientRequest request) {
  http::ClientConnection::Outcome outcome;
  if (!connection->is_open()) {
    const auto connected =
        co_await connection->connect(url_.host, url_.port, config_.connect_timeout);
    if (!connected.ok()) {
      outcome.error.message = connected.error().message;
      co_return outcome;
    }
  }
  outcome = co_await connection->exchange(std::move(request), config_.timeout);
  if (outcome.ok && connection->is_open() && idle_.size() < kMaxIdle) {
    idle_.push_back(std::move(connection));
  }
  co_return outcome;
}

}  // namespace stormlog::pipeline
