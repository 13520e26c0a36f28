#include "pipeline/gateway/upstream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "common/base/log.hpp"
#include "pipeline/gateway/upstream_slot.hpp"

namespace stormlog::pipeline {
namespace {

using resilience::BreakerState;
using std::chrono::milliseconds;

constexpr milliseconds kLook{100};        // between two looks at a healthy producer's batches
constexpr milliseconds kProbeAgain{5};    // after a failed probe, until the breaker opens
constexpr milliseconds kAskAgain{50};     // while nobody is there
constexpr milliseconds kForcedOpen{100};  // until somebody changes it by hand

}  // namespace

resilience::CircuitBreakerConfig upstream_breaker_config() {
  resilience::CircuitBreakerConfig config;
  config.window_size = 50;
  config.minimum_calls = 10;
  config.failure_rate_percent = 50;
  config.slow_rate_percent = 100;
  config.slow_call = milliseconds(60'000);  // a slow Kafka is the producer's breaker's concern
  config.consecutive_failures = 3;
  config.half_open_permits = 1;  // the watch's probe
  config.open_wait = milliseconds(250);
  config.open_wait_max = milliseconds(2'000);
  config.open_wait_factor = 1.5;
  config.open_wait_jitter = 0.2;
  config.automatic_half_open = true;
  config.half_open_lease = milliseconds(5'000);
  return config;
}

Upstream::Upstream(asio::io_context& io, http::Url url, UpstreamConfig config,
                   std::shared_ptr<resilience::CircuitBreaker> breaker, Coalescer& queue,
                   Links links, telemetry::Metrics& metrics, const Clock& clock)
    : io_(io),
      url_(std::move(url)),
      config_(config),
      breaker_(std::move(breaker)),
      queue_(queue),
      links_(std::move(links)),
      clock_(clock),
      exchange_seconds_(metrics.histogram("gateway_upstream_seconds",
                                          "From a batch's first byte to the producer's answer.",
                                          {{"producer", breaker_->name()}})),
      batch_events_(metrics.histogram("gateway_batch_events", "Events of one batch.",
                                      {{"producer", breaker_->name()}},
                                      {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000})),
      watch_timer_(io),
      reachable_timer_(io, asio::steady_timer::time_point::max()) {}

Upstream::~Upstream() = default;

void Upstream::start() {
  asio::co_spawn(io_, watch(), asio::detached);
  for (std::int64_t i = 0; i < config_.connections; ++i) add_slot();
}

void Upstream::add_slot() {
  slots_.push_back(std::make_unique<Slot>(io_.get_executor()));
  asio::co_spawn(io_, run(*slots_.back()), asio::detached);
}

bool Upstream::use_one_more() {
  if (wake_one()) return true;
  if (static_cast<std::int64_t>(slots_.size()) >= config_.max_connections) return false;
  add_slot();
  return true;
}

bool Upstream::admits() const {
  switch (breaker_->state()) {
    case BreakerState::closed:
    case BreakerState::disabled:
    case BreakerState::metrics_only:
      return true;
    default:
      // In half-open the watch's probe is the trial: no client's request is risked for it.
      return false;
  }
}

bool Upstream::wake_one() {
  for (const auto& slot : slots_) {
    if (!slot->idle) continue;
    slot->idle = false;
    --idle_;
    ++waking_;
    slot->connection.cancel_watch();
    return true;
  }
  return false;
}

asio::awaitable<void> Upstream::pause(std::chrono::nanoseconds duration) {
  watch_timer_.expires_after(duration);
  co_await watch_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

void Upstream::suspect() {
  suspected_ = true;
  reachable_ = false;
  watch_timer_.cancel();
}

void Upstream::reached() {
  suspected_ = false;
  refused_ = false;
  reachable_ = true;
  reachable_timer_.cancel();
  links_.state_changed();
}

bool Upstream::stalled() const {
  const MonotonicTime now = clock_.now();
  if (now - probed_ < config_.suspect_after) return false;
  for (const auto& slot : slots_) {
    if (slot->busy && now - slot->since > config_.suspect_after) return true;
  }
  return false;
}

asio::awaitable<void> Upstream::watch() {
  for (;;) {
    breaker_->tick();
    switch (breaker_->state()) {
      case BreakerState::open:
        co_await watch_open();
        break;
      case BreakerState::half_open:
        co_await watch_half_open();
        break;
      case BreakerState::forced_open:
        links_.state_changed();
        co_await pause(kForcedOpen);
        suspected_ = true;
        break;
      default:
        co_await watch_closed();
    }
  }
}

asio::awaitable<void> Upstream::watch_closed() {
  if (!suspected_ && !stalled()) {
    co_await pause(kLook);
    co_return;
  }
  const auto breaker = breaker_;  // held for the permit: the coroutine may be destroyed last
  resilience::Permit permit = breaker->acquire();
  if (!permit) co_return;
  const bool alive = co_await probe();
  if (alive) {
    permit.success();
    reached();
    co_return;
  }
  permit.failure();
  suspected_ = true;
  links_.state_changed();
  if (breaker_->state() != BreakerState::open) co_await pause(kProbeAgain);
}

asio::awaitable<void> Upstream::watch_open() {
  reachable_ = false;
  suspected_ = true;
  links_.state_changed();
  const Nanoseconds left = breaker_->remaining_open();
  if (!refused_) {
    co_await pause(std::max<Nanoseconds>(left, milliseconds(1)));
    co_return;
  }
  co_await pause(std::clamp<Nanoseconds>(left, milliseconds(1), kAskAgain));
  const bool alive = co_await probe();
  // Nobody was there: that is what opened it. Now somebody is, so there is nothing to wait for.
  if (alive && breaker_->state() == BreakerState::open) {
    breaker_->transition_to(BreakerState::half_open);
  }
}

asio::awaitable<void> Upstream::watch_half_open() {
  const auto breaker = breaker_;  // held for the permit: the coroutine may be destroyed last
  resilience::Permit permit = breaker->acquire();
  if (!permit) {
    co_await pause(milliseconds(10));
    co_return;
  }
  const bool alive = co_await probe();
  if (!alive) {
    permit.failure();
    co_return;
  }
  permit.success();
  if (admits()) reached();
}

// Alive is whoever answers /livez on a fresh connection: one that stands still accepts, too. A dead
// one refuses; behind a proxy the connection is made, and ends at once.
asio::awaitable<bool> Upstream::probe() {
  probed_ = clock_.now();
  http::ClientConnection connection(io_.get_executor());
  const auto connected = co_await connection.connect(url_.host, url_.port, config_.probe_timeout);
  refused_ = !connected.ok();
  if (refused_) co_return false;
  http::ClientRequest request;
  request.method = "GET";
  request.target = "/livez";
  const auto outcome = co_await connection.exchange(std::move(request), config_.probe_timeout);
  refused_ = !outcome.ok && !outcome.error.timed_out;
  co_return outcome.ok&& outcome.response.status == 200;
}

}  // namespace stormlog::pipeline
