#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/base/clock.hpp"
#include "common/kafka/producer/producer.hpp"
#include "common/telemetry/metrics.hpp"
#include "pipeline/event/batch_codec.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

namespace asio = boost::asio;

struct PublisherConfig {
  kafka::ProducerConfig kafka;
  // Records that wait for Kafka's acknowledgement; one more is answered 503. Raising it rides out
  // longer stalls and takes as much memory.
  std::uint64_t queue_bytes = 64ULL * 1024 * 1024;
  // A request whose records are not acknowledged by then is answered 504. The gateway waits a
  // little longer, and its clients a little longer than that.
  std::chrono::milliseconds request_timeout{8'000};
  // The breaker opens when the oldest record has waited for this long.
  std::chrono::milliseconds stall{2'000};
};

// The default of the breaker "kafka".
resilience::CircuitBreakerConfig kafka_breaker_config();

// What became of one request.
struct PublishResult {
  enum class Status {
    told,          // see outcomes
    breaker_open,  // nothing was taken
    queue_full,    // nothing was taken
  };
  Status status = Status::told;
  Nanoseconds retry_after{};
  std::vector<EventOutcome> outcomes;  // one for each event
};

// Publishes events to Kafka and waits for their acknowledgement, behind a byte budget and a circuit
// breaker. The breaker is fed by each request's deliveries and their latency, and opens when the
// oldest record waits too long, whether or not its request still waits.
//
// Threads:  everything on the io_context's one thread.
// Lifetime: `io`, `metrics` and `clock` must outlive it; it must outlive its publish() calls.
class Publisher {
 public:
  static Result<std::unique_ptr<Publisher>> create(
      asio::io_context& io, PublisherConfig config,
      std::shared_ptr<resilience::CircuitBreaker> breaker, telemetry::Metrics& metrics,
      const Clock& clock = SystemClock::instance());
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // The views must stay valid until it returns.
  asio::awaitable<PublishResult> publish(std::span<const EventView> events);

  // Watches stalls and moves the breaker's time; call it every few tens of milliseconds.
  void tick();

  // Waits until nothing is under way any more, or Kafka has taken nothing for a second.
  asio::awaitable<void> drained();

  const kafka::Producer& kafka() const { return *producer_; }
  kafka::Producer& kafka() { return *producer_; }

 private:
  struct Request;
  struct Inbox;
  struct Instruments;
  struct Outbox;

  Publisher(asio::io_context& io, PublisherConfig config,
            std::shared_ptr<resilience::CircuitBreaker> breaker, telemetry::Metrics& metrics,
            const Clock& clock);

  void add_sources(telemetry::Metrics& metrics);
  void send(std::span<const EventView> events, std::uint64_t number, Request& request);
  void take_deliveries();
  void settle(Request& request, std::uint32_t index, EventOutcome outcome);
  // Why Kafka seems to take nothing; null when nothing says so.
  const char* stuck() const;
  void open_breaker(const char* why);

  asio::io_context& io_;
  const PublisherConfig config_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  const Clock& clock_;
  std::unique_ptr<Instruments> instruments_;
  std::unique_ptr<Outbox> outbox_;
  std::shared_ptr<Inbox> inbox_;  // shared with what is posted to io_
  std::unordered_map<std::uint64_t, Request*> requests_;
  std::uint64_t next_request_ = 1;
  bool opened_by_stall_ = false;
  std::unique_ptr<kafka::Producer> producer_;  // last: its destructor still calls back
};

}  // namespace stormlog::pipeline
