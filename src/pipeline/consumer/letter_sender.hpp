#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "common/kafka/producer/producer.hpp"
#include "pipeline/consumer/dead_letter_entry.hpp"

namespace stormlog::pipeline {

// Where replayed letters go.
class LetterSender {
 public:
  virtual ~LetterSender() = default;
  // Queues it; `token` comes back from await(). Retriable when no more is taken now.
  virtual Result<void> send(const DeadLetterEntry& letter, std::uint64_t token) = 0;
  // Waits for what was sent, at most so long, and tells what became of it. What is not told is
  // unknown.
  virtual std::map<std::uint64_t, kafka::DeliveryStatus> await(std::chrono::milliseconds most) = 0;
};

// Back to their topic, over a producer that is made when it is first needed. A letter goes through
// the write path again as the event that it was: same key, same payload, same id.
//
// Threads:  one call at a time.
// Blocking: send() never; await() as it is told.
class KafkaLetterSender final : public LetterSender {
 public:
  explicit KafkaLetterSender(kafka::ProducerConfig config) : config_(std::move(config)) {}
  Result<void> send(const DeadLetterEntry& letter, std::uint64_t token) override;
  std::map<std::uint64_t, kafka::DeliveryStatus> await(std::chrono::milliseconds most) override;

 private:
  Result<void> ensure();

  kafka::ProducerConfig config_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::uint64_t round_ = 0;  // outcomes of an earlier one, that come late, are not this one's
  std::size_t waiting_ = 0;
  std::map<std::uint64_t, kafka::DeliveryStatus> outcomes_;
  std::unique_ptr<kafka::Producer> producer_;  // last: its callbacks use what stands above
};

}  // namespace stormlog::pipeline
