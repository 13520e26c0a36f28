#include "pipeline/auth/access_rules.hpp"

namespace stormlog::pipeline {
namespace {

struct Rule {
  std::string_view method;
  std::string_view pattern;
  Need need;
};

constexpr Rule kRules[] = {
    // Load balancers and supervisors ask these, and have no token.
    {"GET", "/livez", Need::nothing},
    {"GET", "/readyz", Need::nothing},
    {"GET", "/openapi.yaml", Need::nothing},
    // Names of topics, brokers and breakers, and how much is sent.
    {"GET", "/metrics", Need::loopback},
    {"POST", "/api/v1/logs", Need::write},
    {"POST", "/v1/logs", Need::write},
    {"POST", "/loki/api/v1/push", Need::write},
    {"POST", "/internal/v1/batch", Need::write},
    {"GET", "/api/v1/logs", Need::read},
    {"GET", "/api/v1/logs/tail", Need::read},
    {"GET", "/api/v1/logs/{id}", Need::read},
};

}  // namespace

Need need_of(std::string_view method, std::string_view pattern) {
  for (const Rule& rule : kRules) {
    if (rule.method == method && rule.pattern == pattern) return rule.need;
  }
  return Need::admin;
}

Scope scope_of(Need need) {
  switch (need) {
    case Need::write:
      return Scope::write;
    case Need::admin:
      return Scope::admin;
    default:
      return Scope::read;
  }
}

bool is_loopback_peer(std::string_view remote) {
  return remote.starts_with("127.") || remote.starts_with("[::1]:") ||
         remote.starts_with("[::ffff:127.");
}

}  // namespace stormlog::pipeline
