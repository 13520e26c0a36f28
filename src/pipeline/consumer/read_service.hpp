#pragma once

#include <memory>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/uuid.hpp"
#include "common/http/message.hpp"
#include "pipeline/consumer/consumer_metrics.hpp"
#include "pipeline/consumer/query.hpp"
#include "pipeline/consumer/query_pool.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

// Answers the two queries, blocking, with a worker's connections.
//
// By id: Redis first, then PostgreSQL. The list: PostgreSQL. With PostgreSQL away an id is answered
// from Redis with `degraded: true`, everything else with 503 and Retry-After, at once while a
// breaker is open.
//
// Threads:  thread-safe.
// Lifetime: metrics and clock must outlive it.
class ReadService {
 public:
  struct Breakers {
    std::shared_ptr<resilience::CircuitBreaker> write;  // the ingest's; only looked at
    std::shared_ptr<resilience::CircuitBreaker> read;
    std::shared_ptr<resilience::CircuitBreaker> redis;
  };

  ReadService(Breakers breakers, const ConsumerMetrics& metrics, const Clock& clock)
      : breakers_(std::move(breakers)), metrics_(metrics), clock_(clock) {}

  http::Response get(QueryPool::Worker& worker, const Uuid& id) const;
  http::Response list(QueryPool::Worker& worker, const LogQuery& query) const;

 private:
  bool database_away() const;
  // The event's JSON, or "" when the cache does not have it or cannot be asked.
  std::string cached(QueryPool::Worker& worker, const Uuid& id) const;
  Result<postgres::Rows> ask(QueryPool::Worker& worker, const Statement& statement) const;
  http::Response failed(const Error& error) const;

  Breakers breakers_;
  const ConsumerMetrics& metrics_;
  const Clock& clock_;
};

}  // namespace stormlog::pipeline
