#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/http/message.hpp"

namespace stormlog::pipeline {

// Why a request as a whole is not taken; each API says it in its own form.
struct Refusal {
  int status = 400;
  std::string_view reason;  // a label of ingest_rejected_total
  std::string detail;
  http::Headers headers;  // beside those of the form

  static Refusal malformed(std::string detail) { return {400, "malformed", std::move(detail), {}}; }
  static Refusal too_large(std::string detail) { return {413, "too_large", std::move(detail), {}}; }
  static Refusal media_type(std::string detail, std::string header, std::string offered) {
    return {415, "media_type", std::move(detail), {{std::move(header), std::move(offered)}}};
  }
  static Refusal conflict(std::string detail) { return {409, "conflict", std::move(detail), {}}; }
  // 503 with Retry-After: not stored.
  static Refusal unavailable(std::string_view reason, std::string detail, Nanoseconds retry_after);
  // 504: may be stored.
  static Refusal unknown(std::string detail) { return {504, "unknown", std::move(detail), {}}; }
  bool may_be_stored() const { return status == 504; }
};

// 503 with Retry-After as problem+json, for routes that are no IngestApi.
http::Response unavailable(std::string_view detail, Nanoseconds retry_after);

}  // namespace stormlog::pipeline
