#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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
// By id: Redis first, then PostgreSQL. The list: PostgreSQL. With PostgreSQL away what Redis has is
// answered from there, with `degraded: true`; where it has nothing the answer is 503 with
// Retry-After, never an empty list. Both at once while a breaker is open. A query that runs into
// its limit is answered 504.
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

  struct Limits {
    std::chrono::milliseconds cache_ttl;
    std::chrono::milliseconds query_timeout;  // to be told; the connection enforces it
  };

  ReadService(Breakers breakers, Limits limits, const ConsumerMetrics& metrics, const Clock& clock)
      : breakers_(std::move(breakers)), limits_(limits), metrics_(metrics), clock_(clock) {}

  http::Response get(QueryPool::Worker& worker, const Uuid& id) const;
  http::Response list(QueryPool::Worker& worker, const LogQuery& query) const;

 private:
  bool database_away() const;
  Result<std::vector<redis::Reply>> ask_redis(QueryPool::Worker& worker,
                                              const std::vector<redis::Command>& commands) const;
  // The event's JSON, or "" when the cache does not have it or cannot be asked.
  std::string cached(QueryPool::Worker& worker, const Uuid& id) const;
  // The list's answer from the cache; empty where it has nothing to show.
  std::optional<http::Response> list_degraded(QueryPool::Worker& worker,
                                              const LogQuery& query) const;
  Result<postgres::Rows> ask(QueryPool::Worker& worker, const Statement& statement) const;
  Result<postgres::Rows> ask_list(QueryPool::Worker& worker, const LogQuery& query) const;
  http::Response failed(const Error& error) const;

  Breakers breakers_;
  Limits limits_;
  const ConsumerMetrics& metrics_;
  const Clock& clock_;
};

}  // namespace stormlog::pipeline
