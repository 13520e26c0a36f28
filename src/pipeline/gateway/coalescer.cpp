#include "pipeline/gateway/coalescer.hpp"

#include <algorithm>

#include "common/base/murmur2.hpp"

namespace stormlog::pipeline {

void Coalescer::Half::drop_abandoned() {
  while (!queue.empty() && queue.front()->abandoned()) {
    bytes -= queue.front()->bytes();
    queue.pop_front();
  }
  if (queue.empty()) due = false;
}

bool Coalescer::offer(std::shared_ptr<IngestRequest> request, MonotonicTime now) {
  for (Half& half : halves_) half.drop_abandoned();
  if (!empty() && bytes() + request->bytes() > config_.queue_bytes) return false;
  request->half_ = murmur2(first_key(request->frames())) % halves_.size();
  request->since_ = now;
  Half& half = halves_[request->half_];
  half.clients.began(now);
  clients_.began(now);
  half.bytes += request->bytes();
  half.queue.push_back(std::move(request));
  return true;
}

void Coalescer::answered(const IngestRequest& request) {
  halves_[request.half_].clients.ended();
  clients_.ended();
}

// When what waits there leaves, which may be past.
MonotonicTime Coalescer::leaves(Half& half, MonotonicTime now) const {
  const bool at_once = half.due || !left_ || half.bytes >= config_.enough_bytes ||
                       clients_.all_there() || (half.is_crowd() && half.clients.all_there());
  const MonotonicTime when =
      at_once ? now : std::min(*left_, half.queue.front()->since_) + config_.gather;
  half.due = when <= now;
  return when;
}

std::optional<MonotonicTime> Coalescer::next(MonotonicTime now) {
  std::optional<MonotonicTime> first;
  for (Half& half : halves_) {
    half.drop_abandoned();
    if (half.queue.empty()) continue;
    const MonotonicTime when = leaves(half, now);
    if (!first || when < *first) first = when;
  }
  return first;
}

bool Coalescer::is_due(MonotonicTime now) {
  const auto when = next(now);
  return when && *when <= now;
}

void Coalescer::take_from(Half& half, IngestBatch& batch, std::size_t& bytes) const {
  while (!half.queue.empty()) {
    IngestRequest& request = *half.queue.front();
    if (!request.abandoned()) {
      if (!batch.requests.empty() && (bytes + request.bytes() > config_.batch_bytes ||
                                      batch.count + request.count() > config_.batch_events)) {
        return;  // what is left stays due
      }
      request.stage_ = IngestRequest::Stage::in_flight;
      ++request.attempts_;
      bytes += request.bytes();
      batch.count += request.count();
      batch.requests.push_back(half.queue.front());
    }
    half.bytes -= request.bytes();
    half.queue.pop_front();
  }
  half.due = false;
}

IngestBatch Coalescer::take(MonotonicTime now) {
  IngestBatch batch;
  if (!is_due(now)) return batch;
  Half* first = &halves_[turn_];
  Half* second = &halves_[1 - turn_];
  // A crowd that is due before a handful.
  if (!first->due || (second->due && second->is_crowd() && !first->is_crowd())) {
    std::swap(first, second);
  }
  const bool together = !first->is_crowd() && !second->is_crowd();
  std::size_t bytes = kBatchHeaderBytes;
  take_from(*first, batch, bytes);
  if (together) take_from(*second, batch, bytes);
  turn_ = second == &halves_[0] ? 0 : 1;
  ++taken_;
  left_ = now;
  batch.body.reserve(bytes);
  append_batch_header(batch.count, batch.body);
  for (const auto& request : batch.requests) batch.body += request->frames();
  return batch;
}

void Coalescer::give_back(IngestBatch batch) {
  std::for_each(batch.requests.rbegin(), batch.requests.rend(), [this](auto& request) {
    if (request->abandoned()) return;
    request->stage_ = IngestRequest::Stage::queued;
    Half& half = halves_[request->half_];
    half.bytes += request->bytes();
    half.due = true;
    half.queue.push_front(std::move(request));
  });
}

void Coalescer::fail_all(const std::string& reason, Nanoseconds retry_after) {
  // Ending a request may bring the next one: only those that wait now are meant.
  std::deque<std::shared_ptr<IngestRequest>> ending;
  for (Half& half : halves_) {
    ending.insert(ending.end(), half.queue.begin(), half.queue.end());
    half.queue.clear();
    half.bytes = 0;
    half.due = false;
  }
  for (const auto& request : ending) request->fail(reason, retry_after);
}

}  // namespace stormlog::pipeline
