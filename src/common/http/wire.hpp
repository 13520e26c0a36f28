#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/http/message.hpp"

// What server and client write on the wire, and how they read addresses.
namespace stormlog::http {

// "127.0.0.1:8080", "[::1]:8080", "localhost:0".
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
Result<HostPort> parse_host_port(const std::string& text);

// The head of a response, with Date and either Content-Length or what `framing` says.
enum class Framing { length, no_body, chunked, until_close };
void write_response_head(std::string& out, const Response& response, Framing framing,
                         bool keep_alive, bool http_1_0);

// The head of a request to `host`.
struct ClientRequest;
void write_request_head(std::string& out, const ClientRequest& request, const std::string& host);

// "1a\r\n…\r\n".
void append_chunk(std::string& out, std::string_view piece);

std::string to_string(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace stormlog::http
