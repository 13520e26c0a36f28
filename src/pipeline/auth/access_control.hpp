#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/http/message.hpp"

namespace stormlog::service {
class Service;
struct ServiceConfig;
}  // namespace stormlog::service

namespace stormlog::pipeline {

// Why somebody may not, or not now.
struct Denial {
  int status = 401;
  std::string_view reason;  // unauthorized, forbidden, quota, too_large; a label of metrics
  std::string detail;
  http::Headers headers;  // WWW-Authenticate, Retry-After
};

// What differs from service to service.
struct AccessWays {
  // How a denial is told where that is not as problem+json.
  std::function<http::Response(const http::Request&, const Denial&)> tell = {};
  // Patterns that are passed on to a service which asks by itself: without a tokens file nobody
  // is asked twice.
  std::vector<std::string> passed_on = {};
};

// Decides who may do what, for all routes of a service: who sends "Authorization: Bearer TOKEN".
//
// With a tokens file every route asks for a scope (access_rules.hpp says which), and the file is
// looked at once a second: a good one takes effect at once, a bad one is logged and counted and the
// tokens before it stay. Without one everybody may read and write and look, and nobody may change
// anything under /admin, because any page in a browser on this machine could send the request. The
// option admin-token is one token more, with the scope admin, in both cases.
//
// Missing, unknown or expired: 401; another scope: 403; both before the body is read.
//
// Threads:  the service's one thread.
// Lifetime: must outlive the service's run.
// Source:   RFC 6750 §2.1, §3; RFC 9110 §11.
class AccessControl {
 public:
  using Ways = AccessWays;

  static constexpr std::size_t kLeastAdminToken = 16;

  // Permanent error for a bad tokens file, and for an admin-token that could be guessed or that no
  // header can carry.
  static Result<std::unique_ptr<AccessControl>> create(const service::ServiceConfig& config,
                                                       const Clock& clock);
  ~AccessControl();
  AccessControl(const AccessControl&) = delete;
  AccessControl& operator=(const AccessControl&) = delete;

  // Guards all routes of the service, and looks after the file while it runs. Before it listens.
  void install(service::Service& service, Ways ways = {});

  // What stands against these events of a request that was let in: 429 where its token's quota does
  // not hold them now, 413 where it never will. Otherwise they are taken from the quota. For 0
  // events: whether one more would be taken now, so that nothing is parsed in vain.
  std::optional<Denial> charge(const http::Request& request, std::size_t events) const;

  // Looks at the tokens file now, after install(); what the service does once a second.
  void reload();

 private:
  struct Impl;
  explicit AccessControl(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stormlog::pipeline
