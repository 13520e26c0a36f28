#include "proxy/api/proxy_set.hpp"

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace stormlog::proxy {
namespace {

Error not_found() {
  return Error::permanent("proxy not found", "404");
}

Error with_status(const Error& error) {
  return {error.kind, error.message, "500"};
}

// Waits for an engine's Done, which comes from a worker's thread.
template <typename Begin>
asio::awaitable<void> done(Begin begin) {
  auto initiate = [&begin](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    begin([executor, shared] { asio::post(executor, [shared] { std::move (*shared)(); }); });
  };
  co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(initiate,
                                                                       asio::use_awaitable);
}

// The same address, however it is written: "localhost:80" and "127.0.0.1:80".
bool same_listen(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto left = resolve(a, true);
  const auto right = resolve(b, true);
  return left.ok() && right.ok() && !left->empty() && !right->empty() &&
         left->front() == right->front();
}

}  // namespace

ProxySet::ProxySet(Engine& engine, std::uint64_t seed, const ProxySetLimits& limits)
    : engine_(engine), random_(seed), limits_(limits) {}

ProxySet::~ProxySet() = default;

std::shared_ptr<Proxy> ProxySet::find(const std::string& name) const {
  const auto found = proxies_.find(name);
  return found == proxies_.end() ? nullptr : found->second;
}

std::uint64_t ProxySet::seed_for(const ProxyInput& input) const {
  // 53 bits: every client reads it back without rounding it.
  constexpr std::uint64_t kExact = (1ULL << 53) - 1;
  return input.seed ? *input.seed : random_.fork("proxy " + input.name).next() & kExact;
}

Result<void> ProxySet::start(Proxy& proxy) {
  auto running = engine_.open({proxy.name, proxy.listen, proxy.upstream, Random(proxy.seed),
                               std::make_shared<const Toxics>(proxy.toxics), proxy.history});
  if (!running.ok()) return with_status(running.error());
  proxy.running = std::move(*running);
  proxy.listen = proxy.running->core->listen;
  return {};
}

asio::awaitable<void> ProxySet::stop(Proxy& proxy, const std::string& reason) {
  if (!proxy.running) co_return;
  const auto running = std::exchange(proxy.running, nullptr);
  const auto begin = [&](Engine::Done finished) {
    engine_.close(running, reason, std::move(finished));
  };
  co_await done(begin);
}

Result<std::shared_ptr<Proxy>> ProxySet::make(const ProxyInput& input) {
  if (proxies_.size() >= limits_.proxies) {
    return Error::permanent("there are " + std::to_string(proxies_.size()) +
                                " proxies, the most there may be (--max-proxies)",
                            "400");
  }
  auto proxy = std::make_shared<Proxy>();
  proxy->name = input.name;
  proxy->listen = input.listen;
  proxy->upstream = input.upstream;
  proxy->seed = seed_for(input);
  proxy->toxics = input.toxics;
  proxy->history = engine_.new_history();
  if (input.enabled) {
    if (auto started = start(*proxy); !started.ok()) return started.error();
  }
  proxies_[proxy->name] = proxy;
  return proxy;
}

asio::awaitable<Result<std::shared_ptr<Proxy>>> ProxySet::create(ProxyInput input) {
  const auto lock = co_await changing_.lock();
  if (proxies_.contains(input.name)) {
    co_return Error::permanent("proxy already exists", "409");
  }
  auto proxy = make(input);
  if (proxy.ok()) changed();
  co_return proxy;
}

asio::awaitable<Result<std::shared_ptr<Proxy>>> ProxySet::update(std::string name,
                                                                 ProxyInput input) {
  const auto lock = co_await changing_.lock();
  const auto proxy = find(name);
  if (!proxy) co_return not_found();
  const bool moved = !same_listen(input.listen, proxy->listen) || input.upstream != proxy->upstream;
  const bool reseeded = input.seed.has_value();
  Result<void> result;
  if (moved || reseeded || !input.enabled) {
    co_await stop(*proxy, input.enabled ? "proxy changed" : "proxy disabled");
  }
  if (moved) {
    proxy->listen = input.listen;
    proxy->upstream = input.upstream;
  }
  if (reseeded) {
    proxy->seed = *input.seed;
    proxy->history->accepted = 0;
  }
  if (input.enabled && !proxy->enabled()) result = start(*proxy);
  changed();
  if (!result.ok()) co_return result.error();
  co_return proxy;
}

asio::awaitable<Result<void>> ProxySet::remove(std::string name) {
  const auto lock = co_await changing_.lock();
  const auto proxy = find(name);
  if (!proxy) co_return not_found();
  co_await stop(*proxy, "proxy deleted");
  proxies_.erase(name);
  changed();
  co_return Result<void>{};
}

asio::awaitable<ProxySet::Populated> ProxySet::populate(std::vector<ProxyInput> inputs) {
  const auto lock = co_await changing_.lock();
  Populated populated;
  for (const auto& input : inputs) {
    const auto old = find(input.name);
    if (old && same_listen(old->listen, input.listen) && old->upstream == input.upstream) {
      populated.proxies.push_back(old);
      continue;
    }
    if (old) {
      co_await stop(*old, "proxy replaced");
      proxies_.erase(input.name);
    }
    auto proxy = make(input);
    if (!proxy.ok()) {
      populated.error = proxy.error();
      break;
    }
    populated.proxies.push_back(*proxy);
  }
  changed();
  co_return populated;
}

asio::awaitable<Result<void>> ProxySet::reset() {
  const auto lock = co_await changing_.lock();
  Result<void> first_error;
  const auto proxies = proxies_;
  for (const auto& [name, proxy] : proxies) {
    auto result = co_await set_toxics(*proxy, {});
    if (result.ok() && !proxy->enabled()) result = start(*proxy);
    if (!result.ok() && first_error.ok()) first_error = result.error();
  }
  changed();
  co_return first_error;
}

asio::awaitable<Result<void>> ProxySet::set_toxics(Proxy& proxy, Toxics toxics) {
  proxy.toxics = std::move(toxics);
  if (!proxy.running) co_return Result<void>{};
  Result<void> result;
  const auto begin = [&](Engine::Done finished) {
    result = engine_.set_toxics(proxy.running, std::make_shared<const Toxics>(proxy.toxics),
                                std::move(finished));
  };
  co_await done(begin);
  if (!result.ok()) co_return with_status(result.error());
  co_return Result<void>{};
}

asio::awaitable<Result<std::shared_ptr<const Toxic>>> ProxySet::change_toxics(std::string name,
                                                                              Change change) {
  const auto lock = co_await changing_.lock();
  const auto proxy = find(name);
  if (!proxy) co_return not_found();
  Toxics toxics = proxy->toxics;
  const auto toxic = change(toxics);
  if (!toxic.ok()) co_return toxic;
  std::stable_partition(toxics.begin(), toxics.end(),
                        [](const auto& one) { return one->stream == Stream::upstream; });
  const auto result = co_await set_toxics(*proxy, std::move(toxics));
  changed();
  if (!result.ok()) co_return result.error();
  co_return toxic;
}

void ProxySet::stop_listening() {
  for (const auto& [name, proxy] : proxies_) {
    if (proxy->running) engine_.stop_listening(proxy->running);
  }
}

}  // namespace stormlog::proxy
