#include "pipeline/ingest/ingest_api.hpp"

#include <algorithm>
#include <chrono>

#include "pipeline/ingest/apis.hpp"

namespace stormlog::pipeline {

std::span<const IngestApi* const> ingest_apis() {
  static const IngestApi* const kAll[] = {
      &events_api(),
      &otlp_api(),
      &loki_api(),
  };
  return kAll;
}

namespace {

// Whole seconds, at least one.
int retry_after_seconds(Nanoseconds wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return static_cast<int>(std::clamp<std::int64_t>(seconds, 1, 3600));
}

}  // namespace

http::Response unavailable(std::string_view detail, Nanoseconds retry_after) {
  return http::problem(503, detail, retry_after_seconds(retry_after));
}

Refusal Refusal::unavailable(std::string_view reason, std::string detail, Nanoseconds retry_after) {
  return {503,
          reason,
          std::move(detail),
          {{"Retry-After", std::to_string(retry_after_seconds(retry_after))}}};
}

}  // namespace stormlog::pipeline
