#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/http/client_connection.hpp"
#include "common/http/message.hpp"
#include "common/telemetry/metrics.hpp"
#include "pipeline/gateway/coalescer.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

namespace asio = boost::asio;

struct UpstreamConfig {
  std::string token;  // sent as "Authorization: Bearer …"; "" = none
  // Each carries one batch at a time. Raising it sends more and smaller batches.
  std::int64_t connections = 4;
  // While all of them wait for the producer and requests queue behind, up to this many are used: a
  // slow Kafka delays requests by its own delay and little more, and a producer that waits for it
  // can still say no to the others at once.
  std::int64_t max_connections = 256;
  std::chrono::milliseconds connect_timeout{500};
  // Of one batch, to the answer. Longer than the producer's own request-timeout, so that it is the
  // producer that tells what it knows.
  std::chrono::milliseconds timeout{8'500};
  // A batch that waits for longer makes the gateway ask whether the producer lives.
  std::chrono::milliseconds suspect_after{1'000};
  std::chrono::milliseconds probe_timeout{500};
};

// The default of a producer's breaker: a dead producer is known after three refused connections.
resilience::CircuitBreakerConfig upstream_breaker_config();

// One producer, seen from the gateway: its connections, its breaker, and the watch over both.
//
// Each connection takes batches from the shared queue when it is free. The watch makes sure that
// the breaker knows of a death, and of the return, within milliseconds and without traffic: when a
// connection breaks it probes at once and again until the breaker opens; while that is open after
// refused connections it goes on asking, and the first answer moves it to half-open, where one more
// GET /livez on a fresh connection decides.
//
// Threads:  everything on the io_context's one thread.
// Lifetime: what it was given, and itself, must outlive the io_context's run: its coroutines end
//           with that.
class Upstream {
 public:
  // What an upstream asks of those around it.
  struct Links {
    std::function<void()> state_changed;                 // this one began or ceased to take batches
    std::function<void()> answered;                      // a batch came through
    std::function<void(IngestBatch)> try_elsewhere;      // a batch of which no byte was sent
    std::function<bool(const IngestBatch&)> may_repeat;  // a batch that may have arrived
  };

  Upstream(asio::io_context& io, http::Url url, UpstreamConfig config,
           std::shared_ptr<resilience::CircuitBreaker> breaker, Coalescer& queue, Links links,
           telemetry::Metrics& metrics, const Clock& clock);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  void start();
  const std::string& name() const { return breaker_->name(); }
  const resilience::CircuitBreaker& breaker() const { return *breaker_; }

  // Whether batches may go there now.
  bool admits() const;
  std::int64_t idle() const { return idle_; }
  std::int64_t busy() const { return busy_; }
  // A connection was woken and will take what waits.
  bool waking() const { return waking_ > 0; }
  // Whether one of `connections` is free.
  bool has_free() const { return admits() && idle_ > 0 && busy_ < config_.connections; }
  // Makes one idle connection look into the queue; false when none is idle.
  bool wake_one();
  // One more than `connections` takes what waits, a new one where it must be; false at
  // `max_connections`.
  bool use_one_more();

 private:
  struct Slot;

  asio::awaitable<void> watch();
  asio::awaitable<void> watch_closed();
  asio::awaitable<void> watch_open();
  asio::awaitable<void> watch_half_open();
  asio::awaitable<bool> probe();
  asio::awaitable<void> pause(std::chrono::nanoseconds duration);
  void suspect();
  bool stalled() const;
  void add_slot();
  void reached();

  asio::awaitable<void> run(Slot& slot);
  asio::awaitable<void> connect(Slot& slot);
  asio::awaitable<void> wait_for_work(Slot& slot);
  asio::awaitable<void> send(Slot& slot);
  void finish(IngestBatch batch, const http::ClientConnection::Outcome& outcome,
              resilience::Permit& permit);
  void finish_answered(IngestBatch& batch, const http::ClientResponse& response,
                       resilience::Permit& permit);
  void finish_broken(IngestBatch batch, const http::ExchangeError& error,
                     resilience::Permit& permit);

  asio::io_context& io_;
  const http::Url url_;
  const UpstreamConfig config_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  Coalescer& queue_;
  Links links_;
  const Clock& clock_;
  telemetry::HistogramMetric exchange_seconds_;
  telemetry::HistogramMetric batch_events_;

  std::vector<std::unique_ptr<Slot>> slots_;
  asio::steady_timer watch_timer_;      // cancelled to make the watch look now
  asio::steady_timer reachable_timer_;  // never expires; cancelled for those that wait
  bool reachable_ = false;              // the last look found somebody there
  bool suspected_ = true;               // something broke since; at the start nothing is known
  bool refused_ = false;                // and it was the connection itself
  MonotonicTime probed_{};
  std::int64_t idle_ = 0;
  std::int64_t busy_ = 0;
  std::int64_t waking_ = 0;
};

}  // namespace stormlog::pipeline
