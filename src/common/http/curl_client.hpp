#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/http/message.hpp"

namespace stormlog::http {

struct FetchRequest {
  std::string method = "GET";
  std::string url;  // http or https, or unix socket via `unix_socket`
  Headers headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{2'000};
  std::chrono::milliseconds timeout{10'000};  // 0 = none
  std::string unix_socket;                    // path; empty = TCP
  std::uint64_t max_response_bytes = 64 * 1024 * 1024;
  bool follow_redirects = false;
  bool verify_tls = true;
};

struct FetchResponse {
  int status = 0;
  Headers headers;
  std::string body;
  Nanoseconds duration{};
};

// One blocking HTTP request over libcurl, with a connection cache for each thread.
//
// Threads:  thread-safe.
// Blocking: at most `timeout`.
// Errors:   retriable, with curl's code and the URL (without credentials) in the message; any HTTP
//           status is a response, not an error.
Result<FetchResponse> fetch(const FetchRequest& request);

// Reads a server-sent event stream until `stop` is set, the server closes, or the callback returns
// false. Blocking; the callback gets each event's name ("message" by default) and data.
// Source: HTML Living Standard §9.2.
Result<void> read_event_stream(
    const FetchRequest& request, const std::atomic<bool>& stop,
    const std::function<bool(std::string_view event, std::string_view data)>& on_event,
    const std::function<void()>& on_open = {});

}  // namespace stormlog::http
