#include "pipeline/auth/access_rules.hpp"

#include <gtest/gtest.h>

namespace stormlog::pipeline {
namespace {

TEST(AccessRules, EachRouteHasItsScope) {
  const struct {
    const char* method;
    const char* pattern;
    Need need;
  } kTable[] = {
      {"GET", "/livez", Need::nothing},
      {"GET", "/readyz", Need::nothing},
      {"GET", "/openapi.yaml", Need::nothing},
      {"GET", "/metrics", Need::loopback},
      {"POST", "/api/v1/logs", Need::write},
      {"POST", "/v1/logs", Need::write},
      {"POST", "/loki/api/v1/push", Need::write},
      {"POST", "/internal/v1/batch", Need::write},
      {"GET", "/api/v1/logs", Need::read},
      {"GET", "/api/v1/logs/{id}", Need::read},
      {"GET", "/api/v1/logs/tail", Need::read},
      {"GET", "/admin/breakers", Need::admin},
      {"GET", "/admin/breakers/events", Need::admin},
      {"POST", "/admin/breakers/{name}", Need::admin},
      {"GET", "/admin/dlq", Need::admin},
      {"POST", "/admin/dlq/replay", Need::admin},
      {"DELETE", "/admin/dlq/{id}", Need::admin},
  };
  for (const auto& [method, pattern, need] : kTable) {
    EXPECT_EQ(need_of(method, pattern), need) << method << ' ' << pattern;
  }
}

TEST(AccessRules, WhatNoRuleNamesIsClosed) {
  EXPECT_EQ(need_of("GET", "/api/v2/logs"), Need::admin);
  EXPECT_EQ(need_of("DELETE", "/api/v1/logs"), Need::admin);
  EXPECT_EQ(need_of("POST", "/metrics"), Need::admin);
  EXPECT_EQ(need_of("", ""), Need::admin);
}

TEST(AccessRules, ScopesOfNeeds) {
  EXPECT_EQ(scope_of(Need::read), Scope::read);
  EXPECT_EQ(scope_of(Need::loopback), Scope::read);
  EXPECT_EQ(scope_of(Need::write), Scope::write);
  EXPECT_EQ(scope_of(Need::admin), Scope::admin);
}

TEST(AccessRules, KnowsThisMachine) {
  for (const char* peer : {"127.0.0.1:5", "127.8.8.8:5", "[::1]:5", "[::ffff:127.0.0.1]:5"}) {
    EXPECT_TRUE(is_loopback_peer(peer)) << peer;
  }
  for (const char* peer : {"", "10.0.0.1:5", "[::2]:5", "[::ffff:10.0.0.1]:5", "1.127.0.0:5"}) {
    EXPECT_FALSE(is_loopback_peer(peer)) << peer;
  }
}

}  // namespace
}  // namespace stormlog::pipeline
