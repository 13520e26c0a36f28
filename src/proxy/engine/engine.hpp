#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "proxy/engine/engine_state.hpp"
#include "proxy/engine/listener.hpp"
#include "proxy/engine/worker.hpp"

namespace stormlog::proxy {

// The running part of a proxy: made by Engine::open(), gone after Engine::close().
//
// Threads: `core` as it says; the rest belongs to the engine's caller.
struct RunningProxy {
  std::shared_ptr<ProxyCore> core;
  std::shared_ptr<Listener> listener;
  bool refusing = false;  // a toxic keeps it from listening
};

// The TCP proxy: proxies, their connections and toxics, on one thread for each core. It knows
// nothing of HTTP.
//
// Threads:  open(), close(), set_toxics() and drain() on one thread, the caller's; a Done is called
//           on a worker's thread, once, when all of them have done what was asked.
// Blocking: only open(), for a name that must be looked up to listen on it.
// Lifetime: `events` and `clock` outlive it. Its destructor closes all connections.
class Engine {
 public:
  using Done = std::function<void()>;
  struct Spec {
    std::string name;
    std::string listen;
    std::string upstream;
    Random random{0};
    std::shared_ptr<const Toxics> toxics;
    std::shared_ptr<ProxyHistory> history;  // of new_history()
  };

  // `workers` 0 is one for each core.
  Engine(std::size_t workers, const EngineLimits& limits, EventSink* events,
         const Clock& clock = SystemClock::instance());
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  std::shared_ptr<ProxyHistory> new_history() const;
  // Listens and serves. Errors: those of Listener::open().
  Result<std::shared_ptr<RunningProxy>> open(const Spec& spec);
  // Closes its port and its connections; the port is free when `done` is called.
  void close(const std::shared_ptr<RunningProxy>& proxy, const std::string& reason, Done done);
  // For its connections, those of now and those to come, by when `done` is called.
  // Errors: it had stopped listening and cannot listen again; the toxics are set all the same.
  Result<void> set_toxics(const std::shared_ptr<RunningProxy>& proxy,
                          std::shared_ptr<const Toxics> toxics, Done done);
  // No new connections; those of now live on.
  void stop_listening(const std::shared_ptr<RunningProxy>& proxy);

  std::int64_t connections() const { return state_->connections.load(); }
  std::int64_t buffered() const { return state_->buffered.load(); }
  const EngineLimits& limits() const { return state_->limits; }

 private:
  void broadcast(const std::function<void(Worker&)>& letter, Done done);

  std::unique_ptr<EngineState> state_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::uint64_t last_id_ = 0;
};

}  // namespace stormlog::proxy
