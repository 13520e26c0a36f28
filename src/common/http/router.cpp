#include "common/http/router.hpp"

#include <algorithm>

namespace stormlog::http {
namespace {

std::string_view next_segment(std::string_view& path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool matches(std::string_view pattern, std::string_view path,
             std::vector<std::pair<std::string, std::string>>& params) {
  params.clear();
  if (pattern == path) return true;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = next_segment(pattern);
    const std::string_view segment = next_segment(path);
    if (expected.starts_with('{') && expected.ends_with('}')) {
      auto value = percent_decode(segment, false);
      if (!value || value->empty()) return false;
      params.emplace_back(expected.substr(1, expected.size() - 2), std::move(*value));
    } else if (expected != segment) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

void Router::add(std::string method, std::string pattern, Handler handler) {
  routes_.push_back({std::move(method), std::move(pattern), std::move(handler), {}});
}

void Router::add_stream(std::string method, std::string pattern, StreamHandler handler) {
  routes_.push_back({std::move(method), std::move(pattern), {}, std::move(handler)});
}

const Route* Router::match(Request& request, Response& error) const {
  std::string allowed;
  const auto allow = [&](const std::string& method) {
    allowed += (allowed.empty() ? "" : ", ") + method;
  };
  // As a view on both sides: a literal and a string would make a temporary string.
  const std::string_view sent = request.method;
  const std::string_view method = sent == "HEAD" ? std::string_view("GET") : sent;
  const std::string_view path = request.path();
  const bool literal = std::any_of(routes_.begin(), routes_.end(),
                                   [&](const Route& route) { return route.pattern == path; });
  for (const Route& route : routes_) {
    if (literal && route.pattern != path) continue;
    if (!matches(route.pattern, path, request.path_params)) continue;
    if (route.method == method) return &route;
    allow(route.method);
    if (route.method == "GET") allow("HEAD");
  }
  request.path_params.clear();
  if (unmatched_) {
    error = unmatched_(request, allowed);
    return nullptr;
  }
  if (allowed.empty()) {
    error = problem(404, "no resource at " + std::string(request.path()));
    return nullptr;
  }
  error = problem(405, request.method + " is not possible here; possible: " + allowed);
  error.headers.add("Allow", allowed);
  return nullptr;
}

}  // namespace stormlog::http
