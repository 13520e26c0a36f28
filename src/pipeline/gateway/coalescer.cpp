#include "pipeline/gateway/coalescer.hpp"

#include <algorithm>

namespace stormlog::pipeline {

void IngestRequest::tell(std::vector<EventOutcome> outcomes) {
  outcomes_ = std::move(outcomes);
  if (may_be_stored_) {
    std::replace(outcomes_.begin(), outcomes_.end(), EventOutcome::unavailable,
                 EventOutcome::unknown);
  }
  end(Stage::told);
}

void IngestBatch::tell(const std::vector<EventOutcome>& outcomes) {
  auto next = outcomes.begin();
  for (const auto& request : requests) {
    const auto end = next + request->count();
    request->tell({next, end});
    next = end;
  }
}

void IngestBatch::fail(const std::string& reason, Nanoseconds retry_after) {
  for (const auto& request : requests) request->fail(reason, retry_after);
}

void IngestBatch::lose(const std::string& reason) {
  for (const auto& request : requests) request->lose(reason);
}

bool Coalescer::offer(std::shared_ptr<IngestRequest> request) {
  drop_abandoned();
  if (!queue_.empty() && bytes_ + request->bytes() > limits_.queue_bytes) return false;
  bytes_ += request->bytes();
  queue_.push_back(std::move(request));
  return true;
}

void Coalescer::drop_abandoned() {
  while (!queue_.empty() && queue_.front()->abandoned()) {
    bytes_ -= queue_.front()->bytes();
    queue_.pop_front();
  }
}

IngestBatch Coalescer::take() {
  IngestBatch batch;
  std::size_t bytes = kBatchHeaderBytes;
  while (!queue_.empty()) {
    IngestRequest& request = *queue_.front();
    if (!request.abandoned()) {
      if (!batch.requests.empty() && (bytes + request.bytes() > limits_.batch_bytes ||
                                      batch.count + request.count() > limits_.batch_events)) {
        break;
      }
      request.stage_ = IngestRequest::Stage::in_flight;
      ++request.attempts_;
      bytes += request.bytes();
      batch.count += request.count();
      batch.requests.push_back(queue_.front());
    }
    bytes_ -= request.bytes();
    queue_.pop_front();
  }
  if (batch.requests.empty()) return batch;
  ++taken_;
  batch.body.reserve(bytes);
  append_batch_header(batch.count, batch.body);
  for (const auto& request : batch.requests) batch.body += request->frames();
  return batch;
}

void Coalescer::give_back(IngestBatch batch) {
  std::for_each(batch.requests.rbegin(), batch.requests.rend(), [this](auto& request) {
    if (request->abandoned()) return;
    request->stage_ = IngestRequest::Stage::queued;
    bytes_ += request->bytes();
    queue_.push_front(std::move(request));
  });
}

void Coalescer::fail_all(const std::string& reason, Nanoseconds retry_after) {
  // Ending a request may bring the next one: only those that wait now are meant.
  std::deque<std::shared_ptr<IngestRequest>> queue;
  queue.swap(queue_);
  bytes_ = 0;
  for (const auto& request : queue) request->fail(reason, retry_after);
}

}  // namespace stormlog::pipeline
