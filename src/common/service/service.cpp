#include "common/service/service.hpp"

#include <sys/resource.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/log.hpp"
#include "common/base/thread_name.hpp"
#include "common/base/version.hpp"
#include "common/http/server.hpp"
#include "common/http/tls_identity.hpp"
#include "common/service/access_log.hpp"
#include "common/service/http_metrics.hpp"

namespace stormlog::service {
namespace {

constexpr std::chrono::seconds kLookAtCertificates{1};

using SteadyTime = std::chrono::steady_clock::time_point;

std::string reason_of(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown exception";
  }
}

// The soft limit is often 1024, far under max-connections; the hard one is ours to use.
void raise_fd_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct Service::Impl {
  explicit Impl(ServiceConfig service_config) : config(std::move(service_config)) {
    add_routes();
    add_metrics();
  }

  void add_routes();
  void add_metrics();
  http::Response readyz() const;
  bool check_holds(const std::function<bool()>& holds) const;
  bool ready() const;
  void begin_drain(const char* why);
  asio::awaitable<void> drain();
  asio::awaitable<void> run_hooks(const std::vector<Hook>& hooks, SteadyTime deadline);
  void wait_for_signal();
  Result<void> set_up_tls(http::Server& to);
  asio::awaitable<void> watch_certificates();

  ServiceConfig config;
  // Coroutines end with io at the latest, and may hold metrics: io goes first.
  telemetry::Metrics metrics;
  HttpMetrics http_metrics{metrics};
  asio::io_context io{1};
  http::Router router;
  std::unique_ptr<http::TlsIdentity> tls;
  std::unique_ptr<http::Server> server;
  std::optional<asio::signal_set> signals;
  std::vector<std::pair<std::string, std::function<bool()>>> checks;
  std::vector<Hook> drain_hooks;
  std::vector<Hook> drained_hooks;
  std::uint16_t port = 0;  // kept: the server has none once it has closed
  bool draining = false;
};

void Service::Impl::add_routes() {
  router.add("GET", "/livez", [](http::Request&) -> asio::awaitable<http::Response> {
    co_return http::Response::json(200, R"({"status":"alive"})");
  });
  router.add("GET", "/readyz",
             [this](http::Request&) -> asio::awaitable<http::Response> { co_return readyz(); });
  router.add("GET", "/metrics", [this](http::Request&) -> asio::awaitable<http::Response> {
    http::Response response = http::Response::text(200, metrics.expose());
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    co_return response;
  });
}

void Service::Impl::add_metrics() {
  using telemetry::Metrics;
  metrics.add_process_metrics(config.name);
  metrics.gauge_source("http_inflight_requests", "Requests being answered.",
                       [this](const Metrics::Emit& emit) {
                         emit({}, server ? static_cast<double>(server->inflight_requests()) : 0);
                       });
  metrics.gauge_source("http_connections", "Open client connections.",
                       [this](const Metrics::Emit& emit) {
                         emit({}, server ? static_cast<double>(server->connections()) : 0);
                       });
  metrics.gauge_source("service_ready", "1 when /readyz answers 200.",
                       [this](const Metrics::Emit& emit) { emit({}, ready() ? 1 : 0); });
}

bool Service::Impl::check_holds(const std::function<bool()>& holds) const {
  try {
    return holds();
  } catch (const std::exception& error) {
    log::warn("readiness check failed", {{"reason", error.what()}});
    return false;
  }
}

bool Service::Impl::ready() const {
  if (draining) return false;
  for (const auto& [name, holds] : checks) {
    if (!check_holds(holds)) return false;
  }
  return true;
}

http::Response Service::Impl::readyz() const {
  bool all = true;
  nlohmann::ordered_json results = nlohmann::ordered_json::object();
  for (const auto& [name, holds] : checks) {
    const bool now = check_holds(holds);
    results[name] = now;
    all = all && now;
  }
  nlohmann::ordered_json body;
  body["status"] = draining ? "draining" : all ? "ready" : "not_ready";
  body["checks"] = std::move(results);
  return http::Response::json(all && !draining ? 200 : 503, body.dump());
}

void Service::Impl::wait_for_signal() {
  signals.emplace(io, SIGTERM, SIGINT);
  signals->async_wait([this](const boost::system::error_code& error, int number) {
    if (!error) begin_drain(number == SIGINT ? "SIGINT" : "SIGTERM");
  });
}

void Service::Impl::begin_drain(const char* why) {
  if (draining) return;
  draining = true;
  log::info("draining", {{"reason", why}});
  // From here the signals have their default action again: a second one ends the process even
  // while this thread is busy.
  boost::system::error_code ignored;
  signals->clear(ignored);
  asio::co_spawn(io, drain(), [this](std::exception_ptr failure) {
    if (failure) log::error("drain failed", {{"reason", reason_of(failure)}});
    io.stop();
  });
}

asio::awaitable<void> Service::Impl::drain() {
  if (config.drain_delay.count() > 0) {
    asio::steady_timer delay(io, config.drain_delay);
    co_await delay.async_wait(asio::use_awaitable);
  }
  const SteadyTime deadline = std::chrono::steady_clock::now() + config.drain_timeout;
  co_await run_hooks(drain_hooks, deadline);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  co_await server->drain(std::max(left, std::chrono::milliseconds(0)));
  co_await run_hooks(drained_hooks, deadline);
  log::info("stopped");
}

// A hook that is not done at the deadline is left behind; the others still get their turn.
asio::awaitable<void> Service::Impl::run_hooks(const std::vector<Hook>& hooks,
                                               SteadyTime deadline) {
  for (const Hook& hook : hooks) {
    const auto done = std::make_shared<asio::steady_timer>(io, deadline);
    const auto finished = std::make_shared<bool>(false);
    asio::co_spawn(io, hook(), [done, finished](std::exception_ptr failure) {
      if (failure) log::error("drain hook failed", {{"reason", reason_of(failure)}});
      *finished = true;
      done->cancel();
    });
    co_await done->async_wait(asio::as_tuple(asio::use_awaitable));
    if (!*finished) log::warn("drain hook not done in time");
  }
}

Result<void> Service::Impl::set_up_tls(http::Server& to) {
  if (!config.tls.enabled()) return {};
  auto loaded = http::TlsIdentity::load(config.tls);
  if (!loaded.ok()) return loaded.error();
  tls = *std::move(loaded);
  to.use_tls(tls->context());
  const auto handshakes = [this](const char* result) {
    return metrics.counter("tls_handshakes_total", "TLS handshakes, by their end.",
                           {{"result", result}});
  };
  to.on_handshake([ok = handshakes("ok"), failed = handshakes("failed"),
                   timeout = handshakes("timeout")](http::HandshakeResult result) {
    switch (result) {
      case http::HandshakeResult::ok:
        return ok.add();
      case http::HandshakeResult::failed:
        return failed.add();
      case http::HandshakeResult::timed_out:
        return timeout.add();
    }
  });
  metrics.gauge_source("tls_certificate_expiry_timestamp_seconds",
                       "When the certificate that is served ends, in Unix time.",
                       [this](const telemetry::Metrics::Emit& emit) {
                         const auto end = tls->context()->expiry().time_since_epoch();
                         emit({}, std::chrono::duration<double>(end).count());
                       });
  asio::co_spawn(io, watch_certificates(), asio::detached);
  return {};
}

asio::awaitable<void> Service::Impl::watch_certificates() {
  const auto reloads = [this](const char* result) {
    return metrics.counter("tls_reloads_total", "Changes of the files of TLS, by what came of it.",
                           {{"result", result}});
  };
  const telemetry::Counter reloaded = reloads("ok");
  const telemetry::Counter failed = reloads("failed");
  asio::steady_timer timer(io);
  for (;;) {
    timer.expires_after(kLookAtCertificates);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const Result<bool> looked = tls->reload();
    if (!looked.ok()) {
      failed.add();
      log::error("the files of TLS cannot be used; those before them stay",
                 {{"reason", looked.error().message}});
    } else if (*looked) {
      reloaded.add();
      server->use_tls(tls->context());
      log::info("certificate replaced", {{"subject", tls->context()->subject()}});
    }
  }
}

Service::Service(ServiceConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
Service::~Service() = default;

const ServiceConfig& Service::config() const {
  return impl_->config;
}
asio::io_context& Service::io() {
  return impl_->io;
}
telemetry::Metrics& Service::metrics() {
  return impl_->metrics;
}
http::Router& Service::router() {
  return impl_->router;
}
bool Service::draining() const {
  return impl_->draining;
}

void Service::add_readiness(std::string name, std::function<bool()> holds) {
  impl_->checks.emplace_back(std::move(name), std::move(holds));
}
void Service::on_drain(Hook hook) {
  impl_->drain_hooks.push_back(std::move(hook));
}
void Service::on_drained(Hook hook) {
  impl_->drained_hooks.push_back(std::move(hook));
}

Result<void> Service::listen() {
  if (auto allowed = check_listen_address(impl_->config); !allowed.ok()) {
    return allowed;
  }
  auto server =
      std::make_unique<http::Server>(impl_->io, std::move(impl_->router), impl_->config.limits);
  server->on_request(
      [this, which = access_log(impl_->config.access_log)](const http::RequestRecord& record) {
        impl_->http_metrics.observe(record);
        log_access(which, record);
      });
  if (auto tls = impl_->set_up_tls(*server); !tls.ok()) return tls;
  if (auto listening = server->listen(impl_->config.listen); !listening.ok()) return listening;
  impl_->server = std::move(server);
  impl_->port = impl_->server->port();
  return {};
}

std::uint16_t Service::port() const {
  return impl_->port;
}

int Service::run() {
  log::init(impl_->config.name, log_level(impl_->config.log_level),
            impl_->config.log_format == "json" ? log::Format::json : log::Format::text);
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT: a closed socket is an error of write, not our end
  raise_fd_limit();
  if (!impl_->server) {
    if (const auto listening = listen(); !listening.ok()) {
      log::error("cannot start", {{"reason", listening.error().message}});
      return 1;
    }
  }
  if (!impl_->config.tokens_file.empty() && !impl_->tls &&
      is_remote_address(impl_->config.listen)) {
    log::warn("tokens travel in the clear: put TLS before this address",
              {{"address", impl_->config.listen}});
  }
  impl_->wait_for_signal();
  log::info(
      "listening",
      {{"address", impl_->config.listen}, {"port", impl_->port}, {"version", program_version()}});
  impl_->io.run();
  return 0;
}

void Service::request_stop() {
  asio::post(impl_->io, [impl = impl_.get()] { impl->begin_drain("request"); });
}

int run_program(Service& service, std::chrono::milliseconds limit) {
  const int status = service.run();
  std::thread([limit] {
    std::this_thread::sleep_for(limit);
    log::error("the program does not end, and is ended by force",
               {{"threads", names_of_other_threads()}});
    std::_Exit(1);
  }).detach();
  return status;
}

}  // namespace stormlog::service
