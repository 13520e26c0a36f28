#include "proxy/engine/engine.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

namespace stormlog::proxy {
namespace {

bool refuses(const Toxics& toxics) {
  return std::any_of(toxics.begin(), toxics.end(), [](const auto& toxic) {
    return toxic->type->scope == ToxicType::Scope::listener;
  });
}

}  // namespace

Engine::Engine(std::size_t workers, const EngineLimits& limits, EventSink* events,
               const Clock& clock)
    : state_(new EngineState{limits, clock, events, Dialer(clock), {}, {}}) {
  if (workers == 0) workers = std::max(1U, std::thread::hardware_concurrency());
  std::vector<Worker*> all;
  for (std::size_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(i, *state_));
    all.push_back(workers_.back().get());
  }
  for (auto& worker : workers_) worker->start(all);
}

Engine::~Engine() {
  for (auto& worker : workers_) worker->stop();
  // It hands its answers to workers.
  state_->dialer.stop();
}

void Engine::broadcast(const std::function<void(Worker&)>& letter, Done done) {
  const auto left = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (auto& worker : workers_) {
    worker->post([&worker = *worker, letter, left, done] {
      letter(worker);
      if (left->fetch_sub(1) == 1 && done) done();
    });
  }
}

std::shared_ptr<ProxyHistory> Engine::new_history() const {
  auto history = std::make_shared<ProxyHistory>();
  history->counters = std::vector<ProxyCounters>(workers_.size());
  return history;
}

Result<std::shared_ptr<RunningProxy>> Engine::open(const Spec& spec) {
  // Checked here, so that a connection cannot fail for it later.
  if (auto parts = split_host_port(spec.upstream); !parts.ok()) return parts.error();
  auto listener = Listener::open(spec.listen);
  if (!listener.ok()) return listener.error();
  auto proxy = std::make_shared<RunningProxy>();
  proxy->listener = std::make_shared<Listener>(std::move(*listener));
  proxy->core = std::make_shared<ProxyCore>();
  ProxyCore& core = *proxy->core;
  core.id = ++last_id_;
  core.name = spec.name;
  core.listen = proxy->listener->address().text();
  core.upstream = spec.upstream;
  core.upstream_addresses = literal_address(spec.upstream);
  core.random = spec.random;
  core.history = spec.history;
  proxy->refusing = refuses(*spec.toxics);
  if (proxy->refusing) proxy->listener->refuse();
  broadcast([core = proxy->core, toxics = spec.toxics, listener = proxy->listener,
             refusing = proxy->refusing](
                Worker& worker) { worker.add(core, toxics, refusing ? nullptr : listener); },
            {});
  return proxy;
}

void Engine::close(const std::shared_ptr<RunningProxy>& proxy, const std::string& reason,
                   Done done) {
  proxy->listener->refuse();
  broadcast([id = proxy->core->id,
             reason](Worker& worker) { worker.remove(id, reason, Connection::End::close); },
            // When no worker waits on it; letters of before may still hold the object.
            [listener = std::exchange(proxy->listener, nullptr), done = std::move(done)] {
              listener->close();
              if (done) done();
            });
}

Result<void> Engine::set_toxics(const std::shared_ptr<RunningProxy>& proxy,
                                std::shared_ptr<const Toxics> toxics, Done done) {
  const bool refusing = refuses(*toxics);
  Result<void> listening;
  const bool change = refusing != proxy->refusing;
  if (change && refusing) proxy->listener->refuse();
  if (change && !refusing) listening = proxy->listener->resume();
  if (listening.ok()) proxy->refusing = refusing;
  broadcast(
      [id = proxy->core->id, toxics = std::move(toxics), change,
       listener = proxy->refusing ? nullptr : proxy->listener](Worker& worker) {
        worker.set_toxics(id, toxics);
        if (change) worker.listen(id, listener);
      },
      std::move(done));
  return listening;
}

void Engine::stop_listening(const std::shared_ptr<RunningProxy>& proxy) {
  proxy->listener->refuse();
  broadcast([id = proxy->core->id](Worker& worker) { worker.listen(id, nullptr); }, {});
}

}  // namespace stormlog::proxy
