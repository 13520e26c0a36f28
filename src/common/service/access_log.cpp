#include "common/service/access_log.hpp"

#include <algorithm>
#include <chrono>

#include "common/base/log.hpp"

namespace stormlog::service {
namespace {

struct TraceIds {
  std::string_view trace;
  std::string_view span;
};

// version "-" 32 hex "-" 16 hex "-" flags; a later version may go on behind that.
TraceIds ids_of(std::string_view traceparent) {
  constexpr std::size_t kLength = 55;
  if (traceparent.size() < kLength || traceparent[2] != '-' || traceparent[35] != '-' ||
      traceparent[52] != '-') {
    return {};
  }
  const TraceIds ids{traceparent.substr(3, 32), traceparent.substr(36, 16)};
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const bool hex = std::all_of(ids.trace.begin(), ids.trace.end(), is_hex) &&
                   std::all_of(ids.span.begin(), ids.span.end(), is_hex);
  return hex ? ids : TraceIds{};
}

}  // namespace

AccessLog access_log(const std::string& name) {
  if (name == "all") return AccessLog::all;
  return name == "errors" ? AccessLog::errors : AccessLog::off;
}

void log_access(AccessLog which, const http::RequestRecord& record) {
  if (which == AccessLog::off || (which == AccessLog::errors && record.status < 500)) return;
  std::string_view path;
  std::string_view remote;
  std::string_view token;
  std::string_view certificate;
  TraceIds ids;
  if (record.request != nullptr) {
    path = record.request->path();
    remote = record.request->remote;
    token = record.request->token_name;
    certificate = record.request->certificate;
    ids = ids_of(record.request->headers.get("traceparent"));
  }
  log::info("access",
            {{"method", record.method},
             {"path", path},
             {"route", record.route},
             {"status", record.status},
             {"duration_ms", std::chrono::duration<double, std::milli>(record.duration).count()},
             {"remote", remote},
             {"token", token},
             {"certificate", certificate},
             {"trace_id", ids.trace},
             {"span_id", ids.span}});
}

}  // namespace stormlog::service
