#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "common/base/clock.hpp"
#include "common/kafka/consumer/consumer.hpp"
#include "pipeline/consumer/consumer_metrics.hpp"
#include "pipeline/consumer/ingest_core.hpp"
#include "pipeline/consumer/position_board.hpp"
#include "pipeline/consumer/record_source.hpp"

namespace stormlog::pipeline {

// An IngestCore on a thread of its own, with a Kafka client that is made anew when it has failed.
//
// Threads:  start(), request_stop() and finished() from one thread; the core's hooks run on the
//           loop's.
// Lifetime: what it is given must outlive it; the destructor stops and waits: for the flush of what
//           is buffered and for leaving the group.
class Ingest final : private kafka::RebalanceListener {
 public:
  Ingest(kafka::ConsumerConfig config, IngestCore& core, PositionBoard& board,
         const ConsumerMetrics& metrics, const Clock& clock);
  ~Ingest() override;

  void start();
  // Stops polling, flushes what is buffered, commits, leaves the group.
  void request_stop() { stop_.store(true, std::memory_order_release); }
  bool finished() const { return finished_.load(std::memory_order_acquire); }

  // For the core's hook on_positions.
  void publish();

 private:
  void on_assigned(const std::vector<int>& partitions) override { core_.assigned(partitions); }
  void on_revoked(const std::vector<int>& partitions, bool lost) override {
    core_.revoked(partitions, lost);
  }

  void loop();
  bool ensure_client();
  void close_client();

  kafka::ConsumerConfig config_;
  IngestCore& core_;
  PositionBoard& board_;
  const ConsumerMetrics& metrics_;
  const Clock& clock_;

  std::shared_ptr<kafka::Consumer> client_;
  std::unique_ptr<KafkaSource> source_;
  MonotonicTime make_at_{};  // no new client before
  bool told_ = false;        // that it cannot be made

  std::atomic<bool> stop_{false};
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

}  // namespace stormlog::pipeline
