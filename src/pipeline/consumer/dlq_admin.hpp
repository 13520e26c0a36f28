#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/base/clock.hpp"
#include "pipeline/consumer/consumer_metrics.hpp"
#include "pipeline/consumer/dlq_replay.hpp"
#include "pipeline/consumer/query_pool.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::service {
class Service;
}

namespace stormlog::pipeline {

// What waits in the dead letter stream, for people:
//   GET    /admin/dlq           the letters, oldest first, without their payload
//   GET    /admin/dlq/{id}      one, with its payload
//   POST   /admin/dlq/replay    see replay(); one at a time, else 409
//   DELETE /admin/dlq/{id}      gone for good
// AccessControl sees to it that nobody else may. 503 + Retry-After while Redis is away. Changes
// leave an audit line in the log.
//
// Threads:  everything on the service's thread, the work on the pool's.
// Lifetime: all must outlive it; must be destroyed before the service.
class DlqAdmin {
 public:
  DlqAdmin(std::string topic, QueryPool& pool, LetterSender& sender,
           std::shared_ptr<resilience::CircuitBreaker> redis_breaker,
           const ConsumerMetrics& metrics, const Clock& clock);
  ~DlqAdmin();
  DlqAdmin(const DlqAdmin&) = delete;
  DlqAdmin& operator=(const DlqAdmin&) = delete;

  void install(service::Service& service);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stormlog::pipeline
