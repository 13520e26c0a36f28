#include "pipeline/consumer/record_source.hpp"

namespace stormlog::pipeline {

Result<std::optional<SourceRecord>> KafkaSource::poll(std::chrono::milliseconds timeout) {
  Result<std::optional<kafka::Message>> polled = client_.poll(timeout);
  if (!polled) return polled.error();
  if (!polled->has_value()) return std::optional<SourceRecord>();
  current_ = std::move(**polled);
  SourceRecord record;
  record.partition = current_->partition();
  record.offset = current_->offset();
  record.timestamp = current_->timestamp();
  record.key = current_->key();
  record.payload = current_->payload();
  record.id = current_->header("id");
  record.traceparent = current_->header("traceparent");
  record.tracestate = current_->header("tracestate");
  return std::optional(record);
}

}  // namespace stormlog::pipeline
