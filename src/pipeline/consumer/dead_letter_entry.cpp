#include "pipeline/consumer/dead_letter_entry.hpp"

#include <simdjson.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/base64.hpp"
#include "common/base/units.hpp"

namespace stormlog::pipeline {
namespace {

bool is_utf8(const std::string& text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

void put_bytes(nlohmann::ordered_json& json, const std::string& name, const std::string& bytes) {
  if (is_utf8(bytes)) {
    json[name] = bytes;
  } else {
    std::string text;
    append_base64(bytes, text);
    json[name + "_base64"] = text;
  }
}

Result<std::int64_t> parse_time(const std::string& name, const std::string& text) {
  const Result<WallTime> time = units::parse_rfc3339(text);
  if (time.ok()) return time->time_since_epoch().count();
  return Error::permanent(name + " must be a time like 2026-01-31T12:00:00Z; it is \"" + text +
                          "\"");
}

}  // namespace

DeadLetterEntry DeadLetterEntry::from(const redis::Reply& entry) {
  DeadLetterEntry letter;
  if (entry.elements.size() != 2) return letter;
  letter.stream_id = entry.elements[0].text;
  const std::vector<redis::Reply>& fields = entry.elements[1].elements;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string& name = fields[i].text;
    const std::string& value = fields[i + 1].text;
    const auto number = [&] {
      const Result<std::int64_t> parsed = units::parse_int(value);
      return parsed.ok() ? *parsed : 0;
    };
    if (name == "id") letter.event_id = value;
    if (name == "code") letter.code = value;
    if (name == "reason") letter.reason = value;
    if (name == "partition") letter.partition = static_cast<int>(number());
    if (name == "offset") letter.offset = number();
    if (name == "key") letter.key = value;
    if (name == "failed_at") letter.failed_at = value;
    if (name == "payload") letter.payload = value;
    if (name == "traceparent") letter.traceparent = value;
    if (name == "tracestate") letter.tracestate = value;
  }
  return letter;
}

std::string DeadLetterEntry::to_json(bool with_payload) const {
  nlohmann::ordered_json json;
  json["id"] = stream_id;
  json["event_id"] = event_id.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(event_id);
  json["code"] = code;
  json["reason"] = reason;
  json["partition"] = partition;
  json["offset"] = offset;
  put_bytes(json, "key", key);
  json["failed_at"] = failed_at;
  if (!traceparent.empty()) json["traceparent"] = traceparent;
  if (!tracestate.empty()) json["tracestate"] = tracestate;
  json["payload_bytes"] = payload.size();
  if (with_payload) put_bytes(json, "payload", payload);
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

bool is_stream_id(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const auto number = [](std::string_view part) {
    return !part.empty() && part.size() <= 19 &&
           std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  return number(text.substr(0, dash)) && number(text.substr(dash + 1));
}

Result<bool> DeadLetterFilter::read(const std::string& name, const std::string& value) {
  if (value.find('\0') != std::string::npos) {
    return Error::permanent(name + " must not hold a NUL character");
  }
  if (name == "code") {
    code = value;
  } else if (name == "reason") {
    if (value.empty() || value.size() > 500) {
      return Error::permanent("reason must have 1 to 500 bytes");
    }
    reason = value;
  } else if (name == "partition") {
    const Result<std::int64_t> number = units::parse_int(value);
    if (!number || *number < 0 || *number > std::numeric_limits<int>::max()) {
      return Error::permanent("partition must be a whole number from 0 on; it is \"" + value +
                              "\"");
    }
    partition = static_cast<int>(*number);
  } else if (name == "since" || name == "until") {
    const Result<std::int64_t> time = parse_time(name, value);
    if (!time) return time.error();
    (name == "since" ? since_ns : until_ns) = *time;
  } else {
    return false;
  }
  return true;
}

bool DeadLetterFilter::matches(const DeadLetterEntry& letter) const {
  if (code && letter.code != *code) return false;
  if (partition && letter.partition != *partition) return false;
  if (!reason.empty() && letter.reason.find(reason) == std::string::npos) return false;
  if (!since_ns && !until_ns) return true;
  const Result<WallTime> failed = units::parse_rfc3339(letter.failed_at);
  if (!failed) return false;
  const std::int64_t at = failed->time_since_epoch().count();
  return (!since_ns || at >= *since_ns) && (!until_ns || at < *until_ns);
}

}  // namespace stormlog::pipeline
