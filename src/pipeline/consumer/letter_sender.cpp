#include "pipeline/consumer/letter_sender.hpp"

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/event/event.hpp"

namespace stormlog::pipeline {

Result<void> KafkaLetterSender::ensure() {
  if (producer_) return {};
  kafka::ProducerCallbacks callbacks;
  callbacks.on_deliveries = [this](std::span<const kafka::Delivery> deliveries) {
    const std::lock_guard lock(mutex_);
    for (const kafka::Delivery& delivery : deliveries) {
      if (delivery.token >> 32 != round_) continue;
      outcomes_[delivery.token & 0xFFFFFFFF] = delivery.status;
      --waiting_;
    }
    told_.notify_all();
  };
  Result<std::unique_ptr<kafka::Producer>> made =
      kafka::Producer::create(config_, std::move(callbacks));
  if (!made) return made.error();
  producer_ = std::move(*made);
  return {};
}

Result<void> KafkaLetterSender::send(const DeadLetterEntry& letter, std::uint64_t token) {
  if (Result<void> there = ensure(); !there) return there;
  std::uint64_t tagged = 0;
  {
    const std::lock_guard lock(mutex_);
    // What an outage left in the queue: sending it again now would only add to it.
    if (waiting_ == 0 && producer_->in_flight().messages > 0) {
      return Error::retriable("letters of an earlier replay still wait for Kafka");
    }
    tagged = round_ << 32 | token;
    ++waiting_;
  }
  const std::string origin = std::to_string(letter.partition) + "-" + std::to_string(letter.offset);
  std::vector<kafka::RecordHeader> headers = {{"id", letter.event_id},
                                              {"content-type", "application/json"},
                                              {"schema-version", kSchemaVersion},
                                              {"replayed-from", origin}};
  if (!letter.traceparent.empty()) headers.push_back({"traceparent", letter.traceparent});
  if (!letter.tracestate.empty()) headers.push_back({"tracestate", letter.tracestate});
  const kafka::ProduceStatus status =
      producer_->produce({letter.key, letter.payload, headers}, tagged);
  if (status == kafka::ProduceStatus::queued) return {};
  const std::lock_guard lock(mutex_);
  --waiting_;
  if (status == kafka::ProduceStatus::too_large) {
    return Error::permanent("Kafka takes no record of this size");
  }
  return Error::retriable("Kafka takes no more at the moment");
}

std::map<std::uint64_t, kafka::DeliveryStatus> KafkaLetterSender::await(
    std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  told_.wait_for(lock, most, [this] { return waiting_ == 0; });
  ++round_;
  waiting_ = 0;
  return std::exchange(outcomes_, {});
}

}  // namespace stormlog::pipeline
