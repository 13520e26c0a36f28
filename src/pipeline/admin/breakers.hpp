#pragma once

#include <chrono>
#include <memory>

#include "common/base/clock.hpp"

namespace stormlog::resilience {
class CircuitBreaker;
}
namespace stormlog::service {
class Service;
}

namespace stormlog::pipeline {

// Shows a service's circuit breakers to the outside:
//   GET /admin/breakers         {"breakers":[{"name","state","failure_rate",…}]}
//   POST /admin/breakers/{name} {"action": "force_open", "close", "disable", "metrics_only" or
//                               "reset"}; answers the breaker as in the list. Leaves an audit line.
//                               AccessControl sees to it that nobody else may.
//   GET /admin/breakers/events  server-sent events: first `snapshot`, the same list; then one
//                               `transition` for each change of state, with its wall time, its
//                               monotonic time and its sequence number as the event's id. A client
//                               that comes back with Last-Event-ID gets what it missed, as far as
//                               the last 1,024 transitions reach. A comment every 5 s keeps the
//                               connection known.
//   /metrics                    the names of Resilience4j. Rates are 0 as long as too few calls are
//                               buffered, never -1.
//
// Threads:  all calls on the service's thread; the breakers may change on any thread.
// Lifetime: must be destroyed before the Service that it is installed in; a breaker may live
// longer,
//           but not longer than `clock`.
// Errors:   a name used twice or with control characters is a bug and throws.
// Source:   resilience4j-micrometer; HTML Living Standard §9.2.
class BreakerRegistry {
 public:
  explicit BreakerRegistry(const Clock& clock = SystemClock::instance(),
                           std::chrono::milliseconds heartbeat = std::chrono::seconds(5));
  ~BreakerRegistry();
  BreakerRegistry(const BreakerRegistry&) = delete;
  BreakerRegistry& operator=(const BreakerRegistry&) = delete;

  // Before the breaker's first call; before or after install().
  void add(std::shared_ptr<resilience::CircuitBreaker> breaker);

  // Adds routes, metrics, and a drain hook that ends the event streams. Before the service listens.
  void install(service::Service& service);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stormlog::pipeline
