#pragma once

#include <span>
#include <string_view>

#include "common/http/message.hpp"
#include "pipeline/event/batch_codec.hpp"
#include "pipeline/format/format.hpp"
#include "pipeline/ingest/refusal.hpp"

namespace stormlog::pipeline {

// A path that events are posted to: which formats it takes, and how it answers. What is the same
// for all of them is IngestReader's and the services' own.
//
// Threads: safe; they have no state.
class IngestApi {
 public:
  virtual ~IngestApi() = default;

  virtual std::string_view path() const = 0;
  virtual Protocol protocol() const = 0;
  // The answer to a request whose events came to these ends, one for each frame of `records`.
  virtual http::Response answer(const http::Request& request, const ParsedRecords& records,
                                std::span<const EventOutcome> outcomes) const = 0;
  virtual http::Response refuse(const http::Request& request, const Refusal& refusal) const = 0;
};

// All of them. Gateway and producer serve each.
std::span<const IngestApi* const> ingest_apis();

}  // namespace stormlog::pipeline
