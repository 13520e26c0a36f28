#include "pipeline/producer/publisher.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <map>

#include "common/base/log.hpp"

namespace stormlog::pipeline {
namespace {

using resilience::BreakerState;
using std::chrono::milliseconds;

// A token names a request and one of its events.
constexpr unsigned kIndexBits = 20;
constexpr std::uint64_t kIndexMask = (1ULL << kIndexBits) - 1;

// With all brokers gone, a record need not wait for the whole stall to prove it.
constexpr milliseconds kBrokersDownStall{100};

// At the end nobody waits for a record any more: its request was answered 504. Without progress for
// this long there is no point in holding up the end for it.
constexpr milliseconds kDrainStall{1'000};

EventOutcome outcome_of(const kafka::Delivery& delivery) {
  switch (delivery.status) {
    case kafka::DeliveryStatus::acked:
      return EventOutcome::accepted;
    case kafka::DeliveryStatus::unknown:
      return EventOutcome::unknown;
    case kafka::DeliveryStatus::failed:
      break;
  }
  if (!delivery.permanent) return EventOutcome::unavailable;
  return kafka::error_name(delivery.code).find("SIZE") != std::string::npos
             ? EventOutcome::too_large
             : EventOutcome::refused;
}

EventOutcome outcome_of(kafka::ProduceStatus status) {
  return status == kafka::ProduceStatus::too_large ? EventOutcome::too_large
                                                   : EventOutcome::unavailable;
}

bool counts_as_failure(EventOutcome outcome) {
  return outcome == EventOutcome::unavailable || outcome == EventOutcome::unknown;
}

}  // namespace

resilience::CircuitBreakerConfig kafka_breaker_config() {
  resilience::CircuitBreakerConfig config;
  config.window_size = 100;
  config.minimum_calls = 20;
  config.failure_rate_percent = 50;
  config.slow_rate_percent = 80;
  config.slow_call = milliseconds(1'000);
  config.consecutive_failures = 5;
  config.half_open_permits = 3;
  config.open_wait = milliseconds(500);
  config.open_wait_max = milliseconds(2'000);
  config.open_wait_factor = 1.5;
  config.open_wait_jitter = 0.2;
  config.automatic_half_open = true;
  config.half_open_lease = milliseconds(15'000);
  config.count_inflight_slow = true;
  return config;
}

struct Publisher::Request {
  Request(asio::io_context& io, std::size_t events)
      : timer(io), outcomes(events, EventOutcome::unknown), left(events) {}

  asio::steady_timer timer;
  std::vector<EventOutcome> outcomes;
  std::size_t left;  // events that nothing is known of
  bool failed = false;
};

// Where the Kafka client's thread leaves its reports. One post for all that gather until it runs.
struct Publisher::Inbox {
  std::mutex mutex;
  std::vector<kafka::Delivery> deliveries;
  bool posted = false;
  std::atomic<bool> brokers_down{false};
  Publisher* owner = nullptr;  // on the io thread; null when it has gone
};

// The records of a request, and what they point to. Kept for the next one: no memory is asked for.
struct Publisher::Outbox {
  struct Texts {
    std::array<char, 36> id;
    std::array<char, 24> received;
    std::array<kafka::RecordHeader, 6> headers;
  };
  std::vector<Texts> texts;
  std::vector<kafka::Record> records;
  std::vector<std::uint64_t> tokens;
  std::vector<kafka::ProduceStatus> statuses;
};

struct Publisher::Instruments {
  explicit Instruments(telemetry::Metrics& registry)
      : metrics(registry),
        sent(registry.counter("log_events_sent_success", "Events that Kafka acknowledged.")),
        failed(
            registry.counter("log_events_sent_failure", "Events that Kafka did not acknowledge.")),
        latency(registry.histogram("kafka_delivery_seconds",
                                   "From the hand-over to librdkafka to its report.")) {}

  void error(int code) {
    auto found = errors.find(code);
    if (found == errors.end()) {
      found = errors
                  .emplace(code, metrics.counter("kafka_delivery_errors_total",
                                                 "Deliveries that failed, by librdkafka's code.",
                                                 {{"code", kafka::error_name(code)}}))
                  .first;
    }
    found->second.add();
  }

  telemetry::Metrics& metrics;
  telemetry::Counter sent;
  telemetry::Counter failed;
  telemetry::HistogramMetric latency;
  std::map<int, telemetry::Counter> errors;
};

Publisher::Publisher(asio::io_context& io, PublisherConfig config,
                     std::shared_ptr<resilience::CircuitBreaker> breaker,
                     telemetry::Metrics& metrics, const Clock& clock)
    : io_(io),
      config_(std::move(config)),
      breaker_(std::move(breaker)),
      clock_(clock),
      instruments_(std::make_unique<Instruments>(metrics)),
      outbox_(std::make_unique<Outbox>()),
      inbox_(std::make_shared<Inbox>()) {
  inbox_->owner = this;
}

Result<std::unique_ptr<Publisher>> Publisher::create(
    asio::io_context& io, PublisherConfig config,
    std::shared_ptr<resilience::CircuitBreaker> breaker, telemetry::Metrics& metrics,
    const Clock& clock) {
  std::unique_ptr<Publisher> publisher(
      new Publisher(io, std::move(config), std::move(breaker), metrics, clock));
  kafka::ProducerCallbacks callbacks;
  callbacks.on_deliveries = [inbox = publisher->inbox_,
                             &io](std::span<const kafka::Delivery> deliveries) {
    {
      const std::lock_guard lock(inbox->mutex);
      inbox->deliveries.insert(inbox->deliveries.end(), deliveries.begin(), deliveries.end());
      if (inbox->posted) return;
      inbox->posted = true;
    }
    asio::post(io, [inbox] {
      if (inbox->owner != nullptr) inbox->owner->take_deliveries();
    });
  };
  callbacks.on_brokers_down = [inbox = publisher->inbox_] { inbox->brokers_down = true; };
  auto producer = kafka::Producer::create(publisher->config_.kafka, std::move(callbacks), clock);
  if (!producer.ok()) return producer.error();
  publisher->producer_ = std::move(*producer);
  publisher->add_sources(metrics);
  return publisher;
}

Publisher::~Publisher() {
  inbox_->owner = nullptr;
}

void Publisher::add_sources(telemetry::Metrics& metrics) {
  using telemetry::Metrics;
  // The registry may outlive this object.
  const auto in_flight = [inbox = inbox_] {
    return inbox->owner != nullptr ? inbox->owner->producer_->in_flight()
                                   : kafka::Producer::InFlight{};
  };
  metrics.gauge_source("kafka_produce_queue_messages",
                       "Records that wait for Kafka's acknowledgement.",
                       [in_flight](const Metrics::Emit& emit) {
                         emit({}, static_cast<double>(in_flight().messages));
                       });
  metrics.gauge_source(
      "kafka_produce_queue_bytes", "Their keys and values.",
      [in_flight](const Metrics::Emit& emit) { emit({}, static_cast<double>(in_flight().bytes)); });
  metrics.gauge_source("kafka_produce_queue_bytes_max", "The byte budget.",
                       [bytes = config_.queue_bytes](const Metrics::Emit& emit) {
                         emit({}, static_cast<double>(bytes));
                       });
  metrics.gauge_source("kafka_produce_oldest_seconds", "Age of the record that waits longest.",
                       [in_flight](const Metrics::Emit& emit) {
                         emit({}, std::chrono::duration<double>(in_flight().oldest).count());
                       });
  metrics.counter_source("kafka_client_rebuilds_total",
                         "Fatal errors of librdkafka that were survived by a new client.",
                         [inbox = inbox_](const Metrics::Emit& emit) {
                           if (inbox->owner == nullptr) return;
                           emit({}, static_cast<double>(inbox->owner->producer_->rebuilds()));
                         });
}

asio::awaitable<PublishResult> Publisher::publish(std::span<const EventView> events) {
  PublishResult result;
  if (events.empty()) co_return result;
  std::uint64_t bytes = 0;
  for (const EventView& event : events) bytes += event.key.size() + event.payload.size();
  const kafka::Producer::InFlight waiting = producer_->in_flight();
  // One request that is larger than the budget by itself is let through when nothing waits.
  if (waiting.messages > 0 && waiting.bytes + bytes > config_.queue_bytes) {
    result.status = PublishResult::Status::queue_full;
    result.retry_after = std::chrono::seconds(1);
    co_return result;
  }
  // The records that wait are the trial: no client's request need hang beside them.
  if (breaker_->state() == BreakerState::half_open && stuck() != nullptr) {
    result.status = PublishResult::Status::breaker_open;
    co_return result;
  }
  // Held for the permit: a coroutine that is cut at shut-down is destroyed after the publisher.
  const auto breaker = breaker_;
  resilience::Permit permit = breaker->acquire();
  if (!permit) {
    result.status = PublishResult::Status::breaker_open;
    result.retry_after = breaker->remaining_open();
    co_return result;
  }

  Request request(io_, events.size());
  const std::uint64_t number = next_request_++;
  requests_.emplace(number, &request);
  send(events, number, request);
  if (request.left > 0) {
    request.timer.expires_after(config_.request_timeout);
    // Cancelled by the last delivery; what is left at the deadline stays "unknown".
    co_await request.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  requests_.erase(number);
  if (request.failed || request.left > 0) {
    permit.failure();
  } else {
    permit.success();
  }
  result.outcomes = std::move(request.outcomes);
  co_return result;
}

void Publisher::send(std::span<const EventView> events, std::uint64_t number, Request& request) {
  Outbox& outbox = *outbox_;
  outbox.texts.resize(std::max(outbox.texts.size(), events.size()));
  outbox.records.clear();
  outbox.tokens.clear();
  for (std::uint32_t index = 0; index < events.size(); ++index) {
    const EventView& event = events[index];
    Outbox::Texts& texts = outbox.texts[index];
    event.id.format_to(texts.id.data());
    const auto end = std::to_chars(texts.received.data(),
                                   texts.received.data() + texts.received.size(), event.received_ns)
                         .ptr;
    texts.headers = {
        {{"id", {texts.id.data(), texts.id.size()}},
         {"content-type", "application/json"},
         {"schema-version", kSchemaVersion},
         {"received-at",
          {texts.received.data(), static_cast<std::size_t>(end - texts.received.data())}},
         {"traceparent", event.traceparent},
         {"tracestate", event.tracestate}}};
    // There is no tracestate without a traceparent.
    const std::size_t count = event.traceparent.empty() ? 4 : event.tracestate.empty() ? 5 : 6;
    outbox.records.push_back({event.key, event.payload, std::span(texts.headers).first(count)});
    outbox.tokens.push_back((number << kIndexBits) | index);
  }
  outbox.statuses.resize(events.size());
  producer_->produce(outbox.records, outbox.tokens, outbox.statuses);
  for (std::uint32_t index = 0; index < events.size(); ++index) {
    const kafka::ProduceStatus status = outbox.statuses[index];
    if (status == kafka::ProduceStatus::queued) continue;
    instruments_->failed.add();
    settle(request, index, outcome_of(status));
  }
}

void Publisher::settle(Request& request, std::uint32_t index, EventOutcome outcome) {
  request.outcomes[index] = outcome;
  request.failed = request.failed || counts_as_failure(outcome);
  if (--request.left == 0) request.timer.cancel();
}

void Publisher::take_deliveries() {
  std::vector<kafka::Delivery> deliveries;
  {
    const std::lock_guard lock(inbox_->mutex);
    deliveries.swap(inbox_->deliveries);
    inbox_->posted = false;
  }
  std::size_t acked = 0;
  // Neighbours mostly belong to the same request.
  std::uint64_t known_number = 0;
  Request* known = nullptr;
  for (const kafka::Delivery& delivery : deliveries) {
    instruments_->latency.observe(delivery.latency);
    if (delivery.status == kafka::DeliveryStatus::acked) {
      ++acked;
    } else {
      instruments_->error(delivery.code);
    }
    const std::uint64_t number = delivery.token >> kIndexBits;
    if (number != known_number) {
      const auto found = requests_.find(number);
      known = found == requests_.end() ? nullptr : found->second;  // null: it was answered 504
      known_number = number;
    }
    if (known == nullptr) continue;
    settle(*known, static_cast<std::uint32_t>(delivery.token & kIndexMask), outcome_of(delivery));
  }
  instruments_->sent.add(static_cast<double>(acked));
  instruments_->failed.add(static_cast<double>(deliveries.size() - acked));
  if (acked == 0) return;
  inbox_->brokers_down = false;
  if (stuck() != nullptr) return;  // others wait too long all the same
  // What opened it was silence: an acknowledgement ends that, and there is nothing to wait for.
  if (opened_by_stall_ && breaker_->state() == BreakerState::open) {
    breaker_->transition_to(BreakerState::half_open);
  }
  opened_by_stall_ = false;
}

void Publisher::open_breaker(const char* why) {
  if (!breaker_->transition_to(BreakerState::open)) return;
  opened_by_stall_ = true;
  log::warn("breaker opened", {{"breaker", breaker_->name()}, {"reason", why}});
}

const char* Publisher::stuck() const {
  const Nanoseconds oldest = producer_->in_flight().oldest;
  if (inbox_->brokers_down && oldest > kBrokersDownStall) return "no broker is connected";
  return oldest > config_.stall ? "the oldest record waits too long" : nullptr;
}

void Publisher::tick() {
  breaker_->tick();
  const char* why = stuck();
  if (why == nullptr) return;
  if (breaker_->state() == BreakerState::closed) {
    open_breaker(why);
    return;
  }
  // The trial has failed before it began. Said with permits, the breaker waits longer each time.
  while (breaker_->state() == BreakerState::half_open) {
    resilience::Permit permit = breaker_->acquire();
    if (!permit) break;
    permit.failure();
    opened_by_stall_ = true;
  }
}

asio::awaitable<void> Publisher::drained() {
  asio::steady_timer timer(io_);
  std::uint64_t left = producer_->in_flight().messages;
  MonotonicTime progress = clock_.now();
  while (left > 0 && clock_.now() - progress < kDrainStall) {
    timer.expires_after(milliseconds(5));
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const std::uint64_t now_left = producer_->in_flight().messages;
    if (now_left != left) progress = clock_.now();
    left = now_left;
  }
  if (left > 0) {
    log::warn("records are given up: Kafka takes none", {{"records", left}});
  }
}

}  // namespace stormlog::pipeline
