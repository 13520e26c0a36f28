#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "chaos/stack/stack.hpp"
#include "common/base/result.hpp"
#include "common/document/params.hpp"

namespace stormlog::chaos {

// How much is sent. `rate` makes an open loop: requests have intended times, and what cannot be
// sent at its time waits in a queue whose wait counts as latency. Without a rate each of
// `concurrency` connections sends the next request when the last is answered.
struct LoadSpec {
  std::optional<double> rate;  // events a second
  int concurrency = 100;       // connections
  int batch = 1;               // events in one request
  std::optional<Nanoseconds> duration;
  int keys = 100;                 // distinct keys; the sequence number counts within one key
  std::uint64_t event_bytes = 0;  // pads events to about this size; 0 = as the template is
  std::chrono::milliseconds timeout{10'000};

  // The one definition of these parameters, for experiment files and `stormlog load`.
  static const std::vector<document::ParamSpec>& param_specs();
  static LoadSpec from(const document::Params& params);
};

// Why requests were not acked in full.
struct LoadError {
  std::string kind;  // "status 503", "time-out", "broken connection", "no connection"
  std::uint64_t requests = 0;
  std::string example;  // the first one's message; "" when the kind says all
};

struct LoadSnapshot {
  Nanoseconds elapsed{};
  std::uint64_t sent = 0;  // events, by outcome
  std::uint64_t acked = 0;
  std::uint64_t rejected = 0;
  std::uint64_t indeterminate = 0;
  std::uint64_t unsent = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t requests = 0;
  Nanoseconds behind{};  // open loop: how long the first due request has waited for a connection
};

// Sends stamped events and keeps the ledger. Runs on a thread of its own.
//
// An open loop keeps its rate whatever is answered: Retry-After is noted in the sample and not
// obeyed. A due request that finds no connection ends `unsent` at once, and so does one that has
// waited LoadSpec::timeout for a free one; neither holds the schedule up. The connections are made
// before the first request is due.
//
// Each key belongs to one connection, and a connection has one request under way: the events of a
// key are sent in the order of their sequence numbers.
//
// Threads:  start(), end(), stop() and the destructor on one thread; snapshot() on any.
// Blocking: stop() at most LoadSpec::timeout, while requests in flight end.
// Errors:   start() when the URL or template is unusable or the ledger cannot be written; stop()
//           when the ledger could not be written on the way, which ends the load. A server that
//           refuses, breaks or stalls is data, not an error.
class LoadGenerator {
 public:
  // `run` marks the events (${run}); `ledger_file` is created; `epoch` is offset 0 of the samples.
  LoadGenerator(SendSpec send, LoadSpec load, std::string run, std::uint64_t seed,
                std::filesystem::path ledger_file, MonotonicTime epoch);
  ~LoadGenerator();

  Result<void> start();
  // No request becomes due any more; what is due is still sent, as at the end of `duration`.
  // Returns at once; finished() tells when the last has ended. A closed loop sends nothing more.
  void end();
  // No new requests; waits for those under way; closes the ledger. Idempotent.
  Result<void> stop();
  // `duration` is over, or the ledger failed, and all requests have ended.
  bool finished() const;

  LoadSnapshot snapshot() const;
  // After stop(): every request, by `done`; and why some failed, the most frequent first.
  std::vector<RequestSample> take_samples();
  std::vector<LoadError> errors() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stormlog::chaos
