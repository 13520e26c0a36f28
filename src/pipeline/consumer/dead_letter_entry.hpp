#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/redis/connection.hpp"

namespace stormlog::pipeline {

// A dead letter as it lies in the Redis stream, with the stream's id of it.
struct DeadLetterEntry {
  std::string stream_id;  // "1700000000000-0"
  std::string event_id;   // "" when even that could not be read
  std::string code;
  std::string reason;
  int partition = 0;
  std::int64_t offset = 0;
  std::string key;
  std::string failed_at;  // RFC 3339
  std::string payload;
  std::string traceparent;  // of the record's headers; may be empty
  std::string tracestate;

  // One element of an XRANGE reply; what is missing stays empty.
  static DeadLetterEntry from(const redis::Reply& entry);

  // A JSON object. Key and payload are bytes: what is not UTF-8 is in key_base64, payload_base64.
  std::string to_json(bool with_payload) const;
};

// "1700000000000-0".
bool is_stream_id(std::string_view text);

// Which letters are meant; all of it must hold.
struct DeadLetterFilter {
  static constexpr const char* kNames = "code, reason, partition, since, until";

  std::optional<std::string> code;  // exact: an SQLSTATE, or "decode"
  std::string reason;               // the reason holds it
  std::optional<int> partition;
  std::optional<std::int64_t> since_ns;  // of failed_at, inclusive
  std::optional<std::int64_t> until_ns;  // exclusive

  // False for a name that is none of these. Permanent error that names the parameter.
  Result<bool> read(const std::string& name, const std::string& value);
  bool matches(const DeadLetterEntry& letter) const;
};

}  // namespace stormlog::pipeline
