#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/base/result.hpp"
#include "common/http/router.hpp"
#include "common/service/service_config.hpp"
#include "common/telemetry/metrics.hpp"

namespace stormlog::service {

namespace asio = boost::asio;

// The shell that every service of the pipeline shares: one thread with an io_context, metrics, an
// HTTP server, readiness, signals and an orderly end.
//
//   Service service(config);
//   service.router().add("POST", "/api/v1/logs", ...);
//   service.add_readiness("producers", [&] { return pool.any_up(); });
//   return run_program(service);
//
// Serves /livez (200 while the thread turns), /readyz (200, or 503 with the checks that fail) and
// /metrics. SIGTERM and SIGINT: /readyz turns 503 "draining", drain_delay passes, the on_drain
// hooks run, the server answers what is under way and closes, the on_drained hooks run, and run()
// returns 0. drain_timeout is for all of it after the delay; what takes longer is cut. A second
// signal ends the process at once, by that signal.
//
// Threads:  everything on the thread that calls run(), but request_stop(), which any may call.
// Blocking: run() until the service ends.
// Lifetime: what the handlers, hooks and checks use must outlive run(). A coroutine that was
//           spawned on io() and has not ended is destroyed with the Service.
class Service {
 public:
  explicit Service(ServiceConfig config);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const ServiceConfig& config() const;
  asio::io_context& io();
  telemetry::Metrics& metrics();
  // Routes must be added before listen() or run().
  http::Router& router();

  // A condition of readiness; asked at each GET /readyz. One that throws does not hold.
  void add_readiness(std::string name, std::function<bool()> holds);

  using Hook = std::function<asio::awaitable<void>()>;
  // Called in order while requests are still served: end event streams, stop taking work.
  void on_drain(Hook hook);
  // Called in order after the last connection: flush what the requests left behind.
  void on_drained(Hook hook);

  // Opens the listening socket; run() does it where it was not called. Permanent error when the
  // address may not be used or is taken.
  Result<void> listen();
  // The port that listen() got, also after the end; 0 before.
  std::uint16_t port() const;

  // Serves until a signal or request_stop(). Returns the exit code: 0 after an orderly end, 1 when
  // it cannot listen.
  int run();
  // As SIGTERM does.
  void request_stop();
  bool draining() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// run() for main(), whose result is to be returned at once. What still stands then ends with the
// program, and may wait for a library that never answers: after `limit` the program ends all the
// same, with status 1 and a line that says so.
int run_program(Service& service, std::chrono::milliseconds limit = std::chrono::seconds{30});

}  // namespace stormlog::service
