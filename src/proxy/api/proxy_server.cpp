#include "proxy/api/proxy_server.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <exception>
#include <set>

#include "common/base/log.hpp"
#include "common/service/service.hpp"
#include "proxy/api/event_stream.hpp"
#include "proxy/api/proxy_metrics.hpp"
#include "proxy/api/state_file.hpp"
#include "proxy/api/toxiproxy_api.hpp"

namespace stormlog::proxy {
namespace {

// Descriptors for what is no connection: listeners, pipes, the API.
constexpr rlim_t kSpareDescriptors = 256;

// Two descriptors for each connection; the limit is raised where that is allowed.
void fit_descriptors(EngineLimits& limits, bool asked) {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0) return;
  const auto wanted = static_cast<rlim_t>(limits.connections) * 2 + kSpareDescriptors;
  rlimit raised{std::max(now.rlim_cur, wanted), std::max(now.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  raised = {now.rlim_max, now.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);
  const auto possible = std::max<std::int64_t>(
      1,
      (static_cast<std::int64_t>(now.rlim_max) - static_cast<std::int64_t>(kSpareDescriptors)) / 2);
  if (possible >= limits.connections) return;
  limits.connections = possible;
  if (!asked) return;
  log::warn("fewer connections than asked for, by the limit of open files (ulimit -n)",
            {{"connections", possible}});
}

ProxyServerConfig prepared(ProxyServerConfig config) {
  fit_descriptors(config.limits, config.connections_asked);
  config.service.allow_remote = !config.token.empty();
  return config;
}

}  // namespace

struct ProxyServer::Impl {
  explicit Impl(ProxyServerConfig given)
      : config(prepared(std::move(given))),
        events(SystemClock::instance()),
        engine(std::make_unique<Engine>(config.workers, config.limits, &events)),
        proxies(*engine, config.seed ? *config.seed : Random::entropy_seed(), config.set_limits),
        service(config.service),
        reload(service.io(), SIGHUP) {
    events.attach(service.io().get_executor());
    add_toxiproxy_api(service.router(), proxies, events, {config.token});
    add_proxy_metrics(service.metrics(), proxies, *engine);
    service.on_drain([this] { return drain(); });
    if (!config.state_file.empty()) {
      proxies.on_change([this] { keep_state(); });
    }
  }

  // The workers' last answers go to the io_context: it must still be there.
  ~Impl() { engine.reset(); }

  // Answers what `work` returns, on this thread; the io_context does not run yet.
  template <typename Work>
  auto wait_for(Work work) -> typename decltype(work())::value_type {
    std::optional<typename decltype(work())::value_type> answer;
    const auto keep = [&]() -> asio::awaitable<void> { answer.emplace(co_await work()); };
    asio::co_spawn(service.io(), keep, [](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
    });
    while (!answer) service.io().run_one();
    service.io().restart();
    return std::move(*answer);
  }

  void keep_state() const {
    const auto written = write_state(config.state_file, proxies);
    if (!written.ok()) log::error("state not kept", {{"reason", written.error().message}});
  }

  Result<void> load_state();
  asio::awaitable<Result<void>> configure();
  void wait_for_reload();
  asio::awaitable<void> drain();

  ProxyServerConfig config;
  EventStream events;
  std::unique_ptr<Engine> engine;
  ProxySet proxies;
  std::set<std::string> configured;  // names of the proxies that configure() made
  service::Service service;
  asio::signal_set reload;
};

Result<void> ProxyServer::Impl::load_state() {
  std::error_code ignored;
  if (config.state_file.empty() || !std::filesystem::exists(config.state_file, ignored)) return {};
  auto inputs = read_state(config.state_file, proxies);
  if (!inputs.ok()) return inputs.error();
  for (auto& input : *inputs) {
    auto made = wait_for([&] { return proxies.create(input); });
    if (made.ok()) continue;
    log::error("proxy not started", {{"proxy", input.name}, {"reason", made.error().message}});
    input.enabled = false;
    made = wait_for([&] { return proxies.create(input); });
    if (!made.ok()) return made.error();
  }
  return {};
}

asio::awaitable<Result<void>> ProxyServer::Impl::configure() {
  if (!config.configured) co_return Result<void>{};
  auto inputs = config.configured();
  if (!inputs.ok()) co_return inputs.error();
  std::set<std::string> names;
  for (const auto& input : *inputs) names.insert(input.name);
  for (const auto& name : configured) {
    if (!names.contains(name)) co_await proxies.remove(name);
  }
  configured = names;
  const auto populated = co_await proxies.populate(std::move(*inputs));
  if (populated.error) co_return *populated.error;
  co_return Result<void>{};
}

void ProxyServer::Impl::wait_for_reload() {
  reload.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    asio::co_spawn(service.io(), configure(),
                   [this](const std::exception_ptr& failure, const Result<void>& result) {
                     if (failure) std::rethrow_exception(failure);
                     if (!result.ok()) {
                       log::error("not reloaded", {{"reason", result.error().message}});
                       return;
                     }
                     log::info("reloaded", {{"proxies", proxies.all().size()}});
                   });
    wait_for_reload();
  });
}

// The API still answers meanwhile. What is left after the time is closed with the engine.
asio::awaitable<void> ProxyServer::Impl::drain() {
  constexpr std::chrono::milliseconds kLook{10};
  events.close();
  reload.cancel();
  proxies.stop_listening();
  asio::steady_timer timer(service.io());
  while (engine->connections() > 0) {
    timer.expires_after(kLook);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

ProxyServer::ProxyServer(ProxyServerConfig config)
    : impl_(std::make_unique<Impl>(std::move(config))) {}
ProxyServer::~ProxyServer() = default;

Result<void> ProxyServer::listen() {
  return impl_->service.listen();
}

std::string ProxyServer::address() const {
  const std::string& listen = impl_->config.service.listen;
  return listen.substr(0, listen.rfind(':') + 1) + std::to_string(impl_->service.port());
}

Result<void> ProxyServer::load() {
  if (auto loaded = impl_->load_state(); !loaded.ok()) return loaded;
  return impl_->wait_for([this] { return impl_->configure(); });
}

const std::map<std::string, std::shared_ptr<Proxy>>& ProxyServer::proxies() const {
  return impl_->proxies.all();
}

int ProxyServer::run() {
  impl_->wait_for_reload();
  const int code = impl_->service.run();
  std::error_code ignored;
  if (code == 0 && !impl_->config.state_file.empty()) {
    std::filesystem::remove(impl_->config.state_file, ignored);
  }
  return code;
}

}  // namespace stormlog::proxy
