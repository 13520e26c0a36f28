#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"

// HTTP requests and responses as values, without the library that parses them.
namespace stormlog::http {

// Field names compare without case, order and duplicates are kept. Source: RFC 9110 §5.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  // The first value of that name, or "".
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const { return count(name) > 0; }
  std::size_t count(std::string_view name) const;
  // Replaces all fields of that name.
  void set(std::string name, std::string value);
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method;  // "GET"
  std::string target;  // "/api/v1/logs?limit=10", as sent
  Headers headers;
  std::string body;
  std::string remote;        // "127.0.0.1:53122"
  std::string certificate;   // the subject of the client's, where it has shown one: "CN=shop"
  std::string token_name;    // who sent it, as the router's guard found out; "" = nobody known
  MonotonicTime received{};  // when its last byte had arrived
  // Values of {name} parts of the route's path, percent-decoded; set by the Router.
  std::vector<std::pair<std::string, std::string>> path_params;

  std::string_view path() const;   // target up to '?', not decoded
  std::string_view query() const;  // behind '?', or ""
  // Decoded value of a query parameter; empty when it is absent.
  std::optional<std::string> query_param(std::string_view name) const;
  // All decoded parameters in order; empty when the query holds a bad percent escape.
  std::optional<std::vector<std::pair<std::string, std::string>>> query_params() const;
  std::string_view path_param(std::string_view name) const;
  // Of Content-Type, without parameters and in lower case.
  std::string media_type() const;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;

  static Response json(int status, std::string body);
  static Response text(int status, std::string body);
};

// application/problem+json with type about:blank. Source: RFC 9457.
// `retry_after_seconds` adds the Retry-After header (whole seconds, at least 1).
Response problem(int status, std::string_view detail,
                 std::optional<int> retry_after_seconds = std::nullopt);

std::string lower_case(std::string_view text);  // ASCII letters

// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(std::string_view content_type);

// "Service Unavailable" for 503.
std::string_view reason_phrase(int status);

std::string percent_encode(std::string_view text);
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// scheme://host[:port][/path][?query]; host in brackets for IPv6.
struct Url {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;  // the scheme's default where none is given
  std::string target;      // at least "/"

  static std::optional<Url> parse(std::string_view text);
};

}  // namespace stormlog::http
