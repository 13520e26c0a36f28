#pragma once

#include <string>

#include "common/http/server.hpp"

namespace stormlog::service {

// Which requests leave a line in the service's log.
enum class AccessLog {
  off,
  errors,  // answered 500 or above
  all,
};

// Of a checked option: off, errors, all.
AccessLog access_log(const std::string& name);

// Writes, where `which` takes it,
//   {…,"msg":"access","method","path","route","status","duration_ms","remote","token",
//    "certificate","trace_id","span_id"}
// The path is without the query, which may hold what is searched for. The ids are those of a valid
// traceparent, else left out as "". The token is its name, never the token itself.
//
// Threads: thread-safe.
// Source:  W3C Trace Context §3.2.
void log_access(AccessLog which, const http::RequestRecord& record);

}  // namespace stormlog::service
