#include "pipeline/gateway/upstream_pool.hpp"

#include <algorithm>

namespace stormlog::pipeline {
namespace {

// Nobody has taken a request for so long although some wait: all connections are with producers
// that wait themselves. At this pace one more is used, so that batches stay batches.
constexpr std::chrono::milliseconds kOneMoreAfter{5};

}  // namespace

UpstreamPool::UpstreamPool(asio::io_context& io, const CoalescerConfig& config,
                           telemetry::Metrics& metrics, const Clock& clock)
    : queue_(config), metrics_(metrics), clock_(clock), io_(io), more_timer_(io), due_timer_(io) {
  using telemetry::Metrics;
  metrics.gauge_source(
      "gateway_queue_requests", "Requests that wait for a producer's connection.",
      [this](const Metrics::Emit& emit) { emit({}, static_cast<double>(queue_.requests())); });
  metrics.gauge_source(
      "gateway_queue_bytes", "Bytes of the events that wait.",
      [this](const Metrics::Emit& emit) { emit({}, static_cast<double>(queue_.bytes())); });
  metrics.gauge_source(
      "gateway_retry_budget_tokens",
      "Tokens for batches repeated at another producer; none is repeated at half of 100 or below.",
      [this](const Metrics::Emit& emit) { emit({}, budget_.tokens()); });
  metrics.gauge_source("gateway_upstream_connections",
                       "Connections to a producer, by what they do.",
                       [this](const Metrics::Emit& emit) {
                         for (const auto& upstream : upstreams_) {
                           emit({{"producer", upstream->name()}, {"state", "idle"}},
                                static_cast<double>(upstream->idle()));
                           emit({{"producer", upstream->name()}, {"state", "busy"}},
                                static_cast<double>(upstream->busy()));
                         }
                       });
}

void UpstreamPool::add(http::Url url, UpstreamConfig config,
                       std::shared_ptr<resilience::CircuitBreaker> breaker) {
  const std::size_t index = upstreams_.size();
  Upstream::Links links;
  links.state_changed = [this] { on_state_changed(); };
  links.answered = [this] { budget_.on_success(); };
  links.try_elsewhere = [this](IngestBatch batch) { try_elsewhere(std::move(batch)); };
  links.may_repeat = [this, index](const IngestBatch&) { return may_repeat(*upstreams_[index]); };
  upstreams_.push_back(std::make_unique<Upstream>(io_, std::move(url), config, std::move(breaker),
                                                  queue_, std::move(links), metrics_, clock_));
}

void UpstreamPool::start() {
  for (const auto& upstream : upstreams_) upstream->start();
}

bool UpstreamPool::available() const {
  return std::any_of(upstreams_.begin(), upstreams_.end(),
                     [](const auto& upstream) { return upstream->admits(); });
}

Nanoseconds UpstreamPool::retry_after() const {
  Nanoseconds least = std::chrono::hours(1);
  for (const auto& upstream : upstreams_) {
    least = std::min(least, upstream->breaker().remaining_open());
  }
  return least;
}

bool UpstreamPool::offer(const std::shared_ptr<IngestRequest>& request) {
  if (!queue_.offer(request, clock_.now())) return false;
  wake();
  return true;
}

void UpstreamPool::wake() {
  const MonotonicTime now = clock_.now();
  const auto next = queue_.next(now);
  if (!next) return;
  if (*next <= now) {
    wake_best();
    return;
  }
  // What is due later is never due before what it was set for.
  if (std::exchange(due_awaited_, true)) return;
  due_timer_.expires_after(*next - now);
  due_timer_.async_wait([this](const boost::system::error_code& error) {
    due_awaited_ = false;
    if (!error) wake();
  });
}

// One free connection of the producer with the least to do. It takes what is due when it runs,
// which is after the requests that are being read now.
void UpstreamPool::wake_best() {
  Upstream* best = nullptr;
  for (const auto& upstream : upstreams_) {
    if (upstream->waking()) return;
    if (!upstream->has_free()) continue;
    if (best == nullptr || upstream->busy() < best->busy()) best = upstream.get();
  }
  if (best != nullptr) {
    best->wake_one();
  } else {
    look_for_more();
  }
}

void UpstreamPool::look_for_more() {
  if (std::exchange(more_awaited_, true)) return;
  more_timer_.expires_after(kOneMoreAfter);
  more_timer_.async_wait([this, taken = queue_.taken()](const boost::system::error_code& error) {
    more_awaited_ = false;
    if (error || !queue_.is_due(clock_.now())) return;
    std::vector<Upstream*> by_load;
    for (const auto& upstream : upstreams_) {
      if (upstream->admits()) by_load.push_back(upstream.get());
    }
    std::sort(by_load.begin(), by_load.end(),
              [](const Upstream* a, const Upstream* b) { return a->busy() < b->busy(); });
    if (queue_.taken() == taken) {
      std::any_of(by_load.begin(), by_load.end(),
                  [](Upstream* one) { return one->use_one_more(); });
    }
    look_for_more();
  });
}

void UpstreamPool::on_state_changed() {
  if (queue_.empty()) return;
  if (available()) {
    wake();
  } else {
    queue_.fail_all("no log producer is available", retry_after());
  }
}

void UpstreamPool::try_elsewhere(IngestBatch batch) {
  if (!available()) {
    batch.fail("no log producer is available", retry_after());
    return;
  }
  queue_.give_back(std::move(batch));
  wake();
}

bool UpstreamPool::may_repeat(const Upstream& from) {
  budget_.on_failure();
  if (!budget_.allows_retry()) return false;
  return std::any_of(upstreams_.begin(), upstreams_.end(), [&from](const auto& upstream) {
    return upstream.get() != &from && upstream->admits();
  });
}

}  // namespace stormlog::pipeline
