#include "pipeline/ingest/denied.hpp"

#include "pipeline/ingest/apis.hpp"

namespace stormlog::pipeline {

Refusal refusal_from(Denial denial) {
  return {denial.status, denial.reason, std::move(denial.detail), std::move(denial.headers)};
}

http::Response tell_denial(const RejectedCounter& rejected, const http::Request& request,
                           const Denial& denial) {
  const IngestApi* asked = nullptr;
  if (request.method == "POST") {
    for (const IngestApi* api : ingest_apis()) {
      if (api->path() == request.path()) asked = api;
    }
  }
  if (asked != nullptr) rejected.add(denial.reason);
  // The form of the events API is problem+json.
  return (asked != nullptr ? *asked : events_api()).refuse(request, refusal_from(denial));
}

}  // namespace stormlog::pipeline
