#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/random.hpp"
#include "proxy/engine/address.hpp"
#include "proxy/engine/canaries.hpp"
#include "proxy/engine/counters.hpp"
#include "proxy/engine/dialer.hpp"
#include "proxy/engine/event.hpp"

namespace stormlog::proxy {

struct EngineLimits {
  std::int64_t connections = 20'000;           // of all proxies; beyond, a new one is reset
  std::size_t window = 8 * 1024 * 1024;        // bytes held in one direction of a connection
  std::size_t buffered = 512UL * 1024 * 1024;  // bytes held in all; beyond, no source is read
  Nanoseconds connect_timeout = std::chrono::seconds(10);
};

// What all workers of an engine share.
//
// Threads: thread-safe.
struct EngineState {
  EngineLimits limits;
  const Clock& clock;
  EventSink* events;  // may be null
  Dialer dialer;
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> buffered{0};

  bool wants_events() const { return events != nullptr && events->wanted(); }
  bool full() const {
    return buffered.load(std::memory_order_relaxed) >= static_cast<std::int64_t>(limits.buffered);
  }
};

// What outlives a stop and a start of a proxy.
//
// Threads: the counters of a worker are written by it alone.
struct ProxyHistory {
  std::vector<ProxyCounters> counters;     // by worker
  std::atomic<std::uint64_t> accepted{0};  // numbers its connections
};

// One proxy while it runs.
//
// Threads: safe to read from several threads.
struct ProxyCore {
  std::uint64_t id = 0;
  std::string name;
  std::string listen;                       // the real address
  std::string upstream;                     // as it was given
  std::vector<Address> upstream_addresses;  // empty where a name must be looked up
  Random random{0};                         // fork() it; never drawn from itself
  std::shared_ptr<ProxyHistory> history;
  Canaries canaries;
};

}  // namespace stormlog::proxy
