#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "common/base/clock.hpp"
#include "common/postgres/client.hpp"
#include "common/telemetry/metrics.hpp"
#include "pipeline/consumer/log_partitions.hpp"
#include "resilience/circuit_breaker.hpp"

namespace stormlog::pipeline {

// Makes the partitions of the next days, leaves those that are past to autovacuum and takes away
// those that are past the retention, once a minute.
//
// Each instance has one; what one does the others find done. A lock that is not had within
// kLockWait, a busy neighbour or an outage are tried again a little later: nothing here is urgent,
// because a row without a partition goes to logs_default.
//
// Threads:  a thread of its own.
// Lifetime: breaker, metrics and clock must outlive it; the destructor stops, and waits for the
//           statement under way.
class PartitionKeeper {
 public:
  PartitionKeeper(postgres::ConnectOptions connection, PartitionRules rules,
                  std::shared_ptr<resilience::CircuitBreaker> postgres_breaker,
                  telemetry::Metrics& metrics, const Clock& clock);
  ~PartitionKeeper();
  PartitionKeeper(const PartitionKeeper&) = delete;
  PartitionKeeper& operator=(const PartitionKeeper&) = delete;

 private:
  void loop();
  // False when there is more to do soon.
  Result<bool> step();
  Result<void> make_wanted(postgres::Connection& db);
  Result<bool> drop(postgres::Connection& db);
  Result<void> close(postgres::Connection& db);
  Result<void> measure(postgres::Connection& db);

  PartitionRules rules_;
  std::shared_ptr<resilience::CircuitBreaker> breaker_;
  const Clock& clock_;
  postgres::Client db_;

  telemetry::Gauge partitions_;
  telemetry::Gauge default_rows_;
  telemetry::Counter made_;
  telemetry::Counter dropped_;
  telemetry::Counter expired_rows_;
  telemetry::Counter errors_;

  std::mutex mutex_;
  std::condition_variable condition_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace stormlog::pipeline
