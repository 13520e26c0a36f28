#include "common/http/wire.hpp"

#include <charconv>
#include <ctime>

#include "common/http/client_connection.hpp"

namespace stormlog::http {
namespace {

// IMF-fixdate, made once a second. Source: RFC 9110 §5.6.7.
std::string_view date_now() {
  thread_local std::time_t made_at = 0;
  thread_local char text[32] = {};
  thread_local std::size_t length = 0;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    made_at = now;
  }
  return {text, length};
}

void append_number(std::string& out, std::uint64_t number, int base = 10) {
  char digits[24];
  const auto result = std::to_chars(digits, digits + sizeof digits, number, base);
  out.append(digits, result.ptr);
}

// A value with a line break would let a caller forge fields.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) out += (c == '\r' || c == '\n' || c == '\0') ? ' ' : c;
  out.append("\r\n");
}

}  // namespace

Result<HostPort> parse_host_port(const std::string& text) {
  const auto bad = [&] {
    return Error::permanent("\"" + text +
                            "\" is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return bad();
  HostPort result;
  result.host = text.substr(0, colon);
  if (result.host.starts_with('[')) {
    if (!result.host.ends_with(']')) return bad();
    result.host = result.host.substr(1, result.host.size() - 2);
  } else if (result.host.find(':') != std::string::npos) {
    return bad();
  }
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, result.port);
  if (result.host.empty() || parsed.ec != std::errc() || parsed.ptr != end) return bad();
  return result;
}

void write_response_head(std::string& out, const Response& response, Framing framing,
                         bool keep_alive, bool http_1_0) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(response.status));
  out.append(" ").append(reason_phrase(response.status)).append("\r\n");
  append_field(out, "Date", date_now());
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  if (framing == Framing::length) {
    out.append("Content-Length: ");
    append_number(out, response.body.size());
    out.append("\r\n");
  } else if (framing == Framing::chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (!keep_alive) {
    out.append("Connection: close\r\n");
  } else if (http_1_0) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
}

void write_request_head(std::string& out, const ClientRequest& request, const std::string& host) {
  out.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  if (!request.headers.has("Host")) append_field(out, "Host", host);
  for (const auto& [name, value] : request.headers) append_field(out, name, value);
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    out.append("Content-Length: ");
    append_number(out, request.body.size());
    out.append("\r\n");
  }
  out.append("\r\n");
}

void append_chunk(std::string& out, std::string_view piece) {
  append_number(out, piece.size(), 16);
  out.append("\r\n").append(piece).append("\r\n");
}

std::string to_string(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(endpoint.port());
}

}  // namespace stormlog::http
