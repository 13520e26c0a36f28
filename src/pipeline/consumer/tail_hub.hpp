#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "pipeline/consumer/query_pool.hpp"
#include "pipeline/consumer/tail_reader.hpp"

namespace stormlog::service {
class Service;
}

namespace stormlog::pipeline {

struct TailConfig {
  std::string group;
  std::string topic;
  TailLimits limits;
  std::int64_t readers = 32;  // at once; one more is answered 503
  std::chrono::milliseconds poll{100};
  std::chrono::milliseconds heartbeat{5'000};
  std::chrono::milliseconds retry{1'000};  // while PostgreSQL is away
};

// GET /api/v1/logs/tail: the events as they are stored, as server-sent events, for any number of
// consumer instances alike, because it reads the table and not what this instance stores:
//   id: <position>
//   event: log       data: the event as in the list
//          dropped   {"records","from","to"}: this reader was too slow, so many were passed over
//          reset     {"partition","from","to"}: the topic was made anew
//          waiting   {"reason"}: PostgreSQL is away; what is stored then is told afterwards
// A comment with the position every heartbeat. A reader that comes back with Last-Event-ID goes on
// behind it, without one it begins with what is stored from now on.
//
// Threads:  everything on the service's thread, the reading on the pool's.
// Blocking: never.
// Lifetime: pool and service must outlive it; must be destroyed before the service.
class TailHub {
 public:
  TailHub(TailConfig config, QueryPool& pool);
  ~TailHub();
  TailHub(const TailHub&) = delete;
  TailHub& operator=(const TailHub&) = delete;

  // Adds the route, metrics, and a drain hook that ends the streams. Before the service listens,
  // and before a route that "tail" would match as an id.
  void install(service::Service& service);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stormlog::pipeline
