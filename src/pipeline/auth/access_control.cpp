#include "pipeline/auth/access_control.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/base/log.hpp"
#include "common/base/watched_file.hpp"
#include "common/service/service.hpp"
#include "pipeline/auth/access_rules.hpp"
#include "pipeline/auth/audit.hpp"
#include "pipeline/auth/token_table.hpp"

namespace stormlog::pipeline {

namespace asio = boost::asio;
namespace {

constexpr std::chrono::seconds kLook{1};
constexpr std::string_view kScheme = "bearer ";
constexpr std::string_view kRealm = "Bearer realm=\"stormlog\"";

bool is_look(std::string_view method) {
  return method == "GET";
}

// "" where none is sent; several fields are none, since it is not clear which one counts.
std::string_view bearer_token(const http::Request& request) {
  if (request.headers.count("Authorization") != 1) return {};
  const std::string_view header = request.headers.get("Authorization");
  if (header.size() <= kScheme.size()) return {};
  const bool bearer =
      std::equal(kScheme.begin(), kScheme.end(), header.begin(),
                 [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
  return bearer ? header.substr(kScheme.size()) : std::string_view();
}

Denial unauthorized(std::string detail, std::string_view challenge = {}) {
  return {401,
          "unauthorized",
          std::move(detail),
          {{"WWW-Authenticate", std::string(kRealm) + std::string(challenge)}}};
}

Denial forbidden(std::string_view token_name, Scope scope) {
  const std::string wanted(to_string(scope));
  return {403,
          "forbidden",
          "the token \"" + std::string(token_name) + "\" does not have the scope " + wanted,
          {{"WWW-Authenticate",
            std::string(kRealm) + ", error=\"insufficient_scope\", scope=\"" + wanted + "\""}}};
}

Denial over_quota(const Token& token, Nanoseconds wait) {
  const auto seconds = std::max<std::int64_t>(
      1, std::chrono::ceil<std::chrono::seconds>(std::max(wait, Nanoseconds(0))).count());
  return {429,
          "quota",
          "the token \"" + token.entry.name + "\" has used up its quota of events; retry in " +
              std::to_string(seconds) + " s",
          {{"Retry-After", std::to_string(seconds)}}};
}

Result<void> check_admin_token(const std::string& token) {
  if (token.empty()) return {};
  const bool visible =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (visible && token.size() >= AccessControl::kLeastAdminToken) return {};
  return Error::permanent("admin-token: use at least " +
                          std::to_string(AccessControl::kLeastAdminToken) +
                          " visible ASCII characters, such as those of: openssl rand -hex 16");
}

}  // namespace

struct AccessControl::Impl {
  Impl(const service::ServiceConfig& config, const Clock& source) : clock(source) {
    if (!config.admin_token.empty()) {
      admin.emplace();
      admin->name = kAdminTokenName;
      admin->digest = sha256(config.admin_token);
      admin->scopes = {Scope::admin};
    }
    if (!config.tokens_file.empty()) file.emplace(config.tokens_file);
  }

  // False where the file is what it was.
  Result<bool> look();
  void take(std::vector<TokenEntry> entries);
  std::optional<Denial> decide(std::string_view method, std::string_view pattern,
                               http::Request& request) const;
  std::optional<http::Response> guard(const http::Route& route, http::Request& request) const;
  void reload();
  void add_metrics(telemetry::Metrics& metrics);

  const Clock& clock;
  std::optional<TokenEntry> admin;
  std::optional<WatchedFile> file;
  TokenTable table;
  std::optional<telemetry::Counter> reloaded;
  std::optional<telemetry::Counter> reload_failed;
  Ways ways;
};

void AccessControl::Impl::take(std::vector<TokenEntry> entries) {
  if (admin) entries.push_back(*admin);
  table = TokenTable(std::move(entries), table, clock);
}

Result<bool> AccessControl::Impl::look() {
  const auto content = file->changed();
  if (!content) return false;
  if (!content->ok()) return content->error().in("tokens-file");
  auto entries = parse_token_file(**content, file->path().string());
  if (!entries.ok()) return entries.error();
  for (const TokenEntry& entry : *entries) {
    if (admin && entry.digest == admin->digest) {
      return Error::permanent(file->path().string() + ": the token of \"" + entry.name +
                              "\" is the admin-token; make one for each holder");
    }
  }
  take(*std::move(entries));
  return true;
}

void AccessControl::Impl::reload() {
  if (!file) return;
  const auto looked = look();
  if (!looked.ok()) {
    reload_failed->add();
    log::error("the tokens file cannot be used; the tokens before it stay",
               {{"reason", looked.error().message}});
  } else if (*looked) {
    reloaded->add();
    log::info("tokens replaced", {{"file", file->path().string()}, {"tokens", table.size()}});
  }
}

std::optional<Denial> AccessControl::Impl::decide(std::string_view method, std::string_view pattern,
                                                  http::Request& request) const {
  const Need need = need_of(method, pattern);
  const std::string_view sent = bearer_token(request);
  const Token* token = sent.empty() ? nullptr : table.find(sent);
  const bool good = token != nullptr && !token->expired(clock.wall_now());
  if (good) request.token_name = token->entry.name;
  if (need == Need::nothing) return std::nullopt;
  if (need == Need::loopback && is_loopback_peer(request.remote)) return std::nullopt;
  if (!file) {
    if (need != Need::admin || is_look(method)) return std::nullopt;
    const auto& elsewhere = ways.passed_on;
    if (std::find(elsewhere.begin(), elsewhere.end(), pattern) != elsewhere.end()) {
      return std::nullopt;
    }
    if (!admin) {
      return Denial{403,
                    "forbidden",
                    "changes are switched off: neither an admin-token nor a tokens-file is "
                    "configured for this service",
                    {}};
    }
  }
  if (sent.empty()) {
    return unauthorized("send a token with the scope " + std::string(to_string(scope_of(need))) +
                        " as \"Authorization: Bearer …\"");
  }
  if (!good) {
    return unauthorized(token == nullptr ? "this token is not known" : "this token has expired",
                        ", error=\"invalid_token\"");
  }
  if (!token->entry.scopes.has(scope_of(need))) {
    return forbidden(token->entry.name, scope_of(need));
  }
  return std::nullopt;
}

std::optional<http::Response> AccessControl::Impl::guard(const http::Route& route,
                                                         http::Request& request) const {
  const auto denial = decide(route.method, route.pattern, request);
  if (!denial) return std::nullopt;
  if (!is_look(route.method) && need_of(route.method, route.pattern) == Need::admin) {
    audit(request, route.method + " " + route.pattern, request.path(), "refused");
  }
  if (ways.tell) return ways.tell(request, *denial);
  http::Response response = http::problem(denial->status, denial->detail);
  for (const auto& [name, value] : denial->headers) response.headers.set(name, value);
  return response;
}

void AccessControl::Impl::add_metrics(telemetry::Metrics& metrics) {
  if (!file) return;
  const auto reloads = [&](const char* result) {
    return metrics.counter("tokens_reloads_total",
                           "Changes of the tokens file, by what came of it.", {{"result", result}});
  };
  reloaded = reloads("ok");
  reload_failed = reloads("failed");
  metrics.gauge_source(
      "tokens_expiry_timestamp_seconds", "When a token ends, in Unix time; only of those that do.",
      [this](const telemetry::Metrics::Emit& emit) {
        for (const Token& token : table.tokens()) {
          if (!token.entry.expires) continue;
          const auto time = token.entry.expires->time_since_epoch();
          emit({{"token", token.entry.name}}, std::chrono::duration<double>(time).count());
        }
      });
}

AccessControl::AccessControl(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AccessControl::~AccessControl() = default;

Result<std::unique_ptr<AccessControl>> AccessControl::create(const service::ServiceConfig& config,
                                                             const Clock& clock) {
  if (auto good = check_admin_token(config.admin_token); !good.ok()) return good.error();
  auto impl = std::make_unique<Impl>(config, clock);
  if (impl->file) {
    if (auto read = impl->look(); !read.ok()) return read.error();
  } else {
    impl->take({});
  }
  return std::unique_ptr<AccessControl>(new AccessControl(std::move(impl)));
}

void AccessControl::install(service::Service& service, Ways ways) {
  impl_->ways = std::move(ways);
  impl_->add_metrics(service.metrics());
  service.router().guard([impl = impl_.get()](const http::Route& route, http::Request& request) {
    return impl->guard(route, request);
  });
  if (!impl_->file) return;
  asio::co_spawn(
      service.io(),
      [](AccessControl* self, asio::io_context& io) -> asio::awaitable<void> {
        asio::steady_timer timer(io);
        for (;;) {
          timer.expires_after(kLook);
          co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
          self->reload();
        }
      }(this, service.io()),
      asio::detached);
}

void AccessControl::reload() {
  impl_->reload();
}

std::optional<Denial> AccessControl::charge(const http::Request& request,
                                            std::size_t events) const {
  if (request.token_name.empty()) return std::nullopt;
  const Token* token = impl_->table.named(request.token_name);
  if (token == nullptr || token->limiter == nullptr) return std::nullopt;
  resilience::RateLimiter& limiter = *token->limiter;
  if (events == 0) {
    const Nanoseconds wait = limiter.retry_after();
    if (wait > Nanoseconds(0)) return over_quota(*token, wait);
    return std::nullopt;
  }
  if (events > static_cast<std::size_t>(token->entry.quota->burst)) {
    return Denial{413,
                  "too_large",
                  "the request holds " + std::to_string(events) +
                      " events; the quota of the token \"" + token->entry.name +
                      "\" lets through " + std::to_string(token->entry.quota->burst) + " at once",
                  {}};
  }
  const int permits = static_cast<int>(events);
  if (limiter.try_acquire(permits)) return std::nullopt;
  return over_quota(*token, limiter.retry_after(permits));
}

}  // namespace stormlog::pipeline
