#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "common/base/histogram.hpp"

// The client of the pipeline's benchmark: one thread, one request under way on each connection, and
// as little work for each as can be, since it shares the machine with what it measures. It keeps no
// ledger; the program that counts each event is `stormlog load`.
namespace stormlog::bench {

struct LoadConfig {
  std::uint16_t port = 0;  // on 127.0.0.1
  // Everything that goes over the wire for one request. Each run of 16 '#' becomes a number that no
  // other place has, as 16 hexadecimal digits, and each "%%%%" the number of the connection:
  // lengths stay what they are.
  std::string request;
  int connections = 100;
  // Requests a second, evenly spaced; 0: each connection sends when its last answer has come.
  double rate = 0;
  std::chrono::nanoseconds warm_up{0};  // under load, not counted
  std::chrono::nanoseconds duration{0};
};

struct LoadResult {
  std::map<int, std::uint64_t> by_status;
  // With a rate from the time at which a request was due, else from its first byte; to its answer's
  // last byte.
  Histogram latency;
  std::uint64_t broken = 0;  // connections that ended with a request under way
  std::chrono::nanoseconds took{0};
  std::chrono::nanoseconds cpu{0};  // of this process, over the counted time
};

// Threads:  runs on the caller's.
// Blocking: for warm-up and duration, and at most a second more.
// Errors:   what cannot be measured ends the program with 1: a wrong number would be worse than
// none.
LoadResult run_load(const LoadConfig& config);

}  // namespace stormlog::bench
