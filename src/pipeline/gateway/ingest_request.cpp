#include "pipeline/gateway/ingest_request.hpp"

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

}  // namespace stormlog::pipeline
