#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.hpp"
#include "pipeline/gateway/crowd.hpp"
#include "pipeline/gateway/ingest_request.hpp"

namespace stormlog::pipeline {

struct CoalescerConfig {
  std::uint64_t queue_bytes = 64ULL * 1024 * 1024;
  std::size_t batch_bytes = 1024 * 1024;  // a request that is larger travels alone
  std::uint32_t batch_events = 10'000;
  // A request that comes sooner than this after a batch has left waits for company, so long at the
  // most. Raising it costs as much latency under light load, and saves processor time: a batch
  // costs gateway, producer and Kafka a fifth of a millisecond, whatever is in it. Kafka's own
  // clients wait for 5 ms (linger.ms since 4.0, KIP-1030). 0: nobody waits.
  std::chrono::milliseconds gather{4};
  // So much does not wait.
  std::uint64_t enough_bytes = 32 * 1024;
};

// The queue in front of the producers: which requests travel together, and when they leave.
//
// A request that comes after a pause leaves at once, and so does a crowd, and whoever has no
// company to expect. Only what trickles is held, by `gather` at the most.
//
// The clients are in two halves by the key of their events, and a half that is large enough for a
// batch of its own travels alone: while one waits for Kafka, the other is read and answered.
// Otherwise all clients would wait for the same batch, and the machine with them. The halves are
// those of Kafka's partitions, as long as their number is even: a batch of half the events then
// makes half the requests to Kafka, which cost the same whatever is in them.
//
// Threads: caller synchronises.
class Coalescer {
 public:
  explicit Coalescer(CoalescerConfig config) : config_(config) {}

  // False when it would take the queue over its bytes. An empty queue takes any request. answered()
  // must follow where it is true.
  bool offer(std::shared_ptr<IngestRequest> request, MonotonicTime now);
  // The client of one that was taken waits no more.
  void answered(const IngestRequest& request);

  // When the next batch is to leave, which may be past; none while nothing waits.
  std::optional<MonotonicTime> next(MonotonicTime now);
  bool is_due(MonotonicTime now);
  // What is to leave now, the oldest of each half first; empty when nothing is.
  IngestBatch take(MonotonicTime now);
  // Puts back, in order and in front, what was not sent. It is due.
  void give_back(IngestBatch batch);
  // Ends all that wait.
  void fail_all(const std::string& reason, Nanoseconds retry_after);

  bool empty() const { return requests() == 0; }
  std::size_t requests() const { return halves_[0].queue.size() + halves_[1].queue.size(); }
  std::uint64_t bytes() const { return halves_[0].bytes + halves_[1].bytes; }
  // How many batches were taken.
  std::uint64_t taken() const { return taken_; }

 private:
  struct Half {
    bool is_crowd() const { return queue.size() >= kCrowd; }
    void drop_abandoned();

    std::deque<std::shared_ptr<IngestRequest>> queue;
    std::uint64_t bytes = 0;
    Crowd clients;
    bool due = false;  // decided once: what ends for one client does not stop the others
  };

  // A batch of so many requests is worth its costs.
  static constexpr std::size_t kCrowd = 16;

  MonotonicTime leaves(Half& half, MonotonicTime now) const;
  void take_from(Half& half, IngestBatch& batch, std::size_t& bytes) const;

  const CoalescerConfig config_;
  std::array<Half, 2> halves_;
  std::size_t turn_ = 0;               // the half that is looked at first
  Crowd clients_;                      // of both
  std::optional<MonotonicTime> left_;  // the last batch
  std::uint64_t taken_ = 0;
};

}  // namespace stormlog::pipeline
