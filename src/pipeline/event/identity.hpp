#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "common/base/uuid.hpp"

// Who an event is: its id, and the trace that it travels in.
namespace stormlog::pipeline {

// 1 to 255 visible ASCII characters.
bool is_idempotency_key(std::string_view text);

// The id of the event at `index` of a request with that Idempotency-Key: the same request sent
// again gives the same ids. A version 8 UUID from SHA-256. Source: RFC 9562 §5.8.
Uuid derived_id(std::string_view idempotency_key, std::uint32_t index);

// The id of an event that its sender names in a way of its own: the same parts give the same id.
// `scheme` says what the parts are and keeps the names of one protocol apart from another's.
Uuid content_id(std::string_view scheme, std::initializer_list<std::string_view> parts);

// A W3C traceparent of version 00 with ids that are not zero.
// Source: W3C Trace Context, §3.2.
bool is_traceparent(std::string_view text);
// The same in version 00 of one in any version, whose further fields are left out; "" for what is
// no traceparent. Source: W3C Trace Context, §3.2.4 and §4.3.
std::string normalise_traceparent(std::string_view text);

// Lower-cases the hex digits of an id of `digits` digits; false when it is not one, or all zero.
bool normalise_hex_id(std::string& text, std::size_t digits);

}  // namespace stormlog::pipeline
