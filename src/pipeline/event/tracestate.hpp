#pragma once

#include <string>
#include <string_view>

namespace stormlog::pipeline {

// What tracing systems have noted about a trace, beside its traceparent: "rojo=00f067aa0ba902b7,…".
inline constexpr std::size_t kMaxTracestateBytes = 512;
inline constexpr std::size_t kMaxTracestateMembers = 32;

// The list of a tracestate header (several fields of it joined by commas) as it is passed on:
// without white space around members and without empty ones. "" where it is not valid, has a key
// twice, or has more members than are allowed: it is dropped as a whole then, and the trace goes on
// without it.
//
// What is longer than kMaxTracestateBytes loses whole members: first those longer than 128 bytes,
// then from the end, which is the oldest.
//
// Source: W3C Trace Context §3.3, §3.3.1.5 "Limits".
std::string normalise_tracestate(std::string_view text);

}  // namespace stormlog::pipeline
