#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "pipeline/gateway/coalescer.hpp"
#include "pipeline/gateway/upstream.hpp"
#include "resilience/retry_budget.hpp"

namespace stormlog::pipeline {

// The producers behind the gateway and the queue that they share. A free connection of any of them
// takes what waits, so that the load goes where there is room; a dead one has no free connection.
//
// A batch of which no byte was sent goes to whoever takes it next. One that may have arrived is
// repeated only where another producer takes it and the retry budget allows: the events keep their
// ids, and a store that knows ids drops the double.
//
// Threads:  everything on the io_context's one thread.
// Lifetime: as Upstream.
class UpstreamPool {
 public:
  UpstreamPool(asio::io_context& io, const CoalescerConfig& config, telemetry::Metrics& metrics,
               const Clock& clock);

  void add(http::Url url, UpstreamConfig config,
           std::shared_ptr<resilience::CircuitBreaker> breaker);
  void start();

  // Whether any producer takes events now.
  bool available() const;
  // The least wait until a breaker may let calls through again, for Retry-After.
  Nanoseconds retry_after() const;
  // False when too much waits already. answered() must follow where it is true.
  bool offer(const std::shared_ptr<IngestRequest>& request);
  // The client of one that was taken waits no more.
  void answered(const IngestRequest& request) { queue_.answered(request); }

 private:
  // Somebody takes what is due, now or when it will be.
  void wake();
  void wake_best();
  void look_for_more();
  void on_state_changed();
  void try_elsewhere(IngestBatch batch);
  bool may_repeat(const Upstream& from);

  Coalescer queue_;
  telemetry::Metrics& metrics_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  resilience::RetryBudget budget_;
  asio::io_context& io_;
  asio::steady_timer more_timer_;  // until one more connection is used
  bool more_awaited_ = false;
  asio::steady_timer due_timer_;  // until what waits has had its company
  bool due_awaited_ = false;
};

}  // namespace stormlog::pipeline
