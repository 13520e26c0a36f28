#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "proxy/api/async_mutex.hpp"
#include "proxy/engine/engine.hpp"

namespace stormlog::proxy {

// One proxy as the API knows it: there is one also while it is disabled and nothing runs.
struct Proxy {
  std::string name;
  std::string listen;  // the real address once it has run
  std::string upstream;
  std::uint64_t seed = 0;  // setting it numbers the connections from 1 again
  Toxics toxics;           // those of upstream first, each in the order it was added
  std::shared_ptr<ProxyHistory> history;
  std::shared_ptr<RunningProxy> running;  // null = disabled

  bool enabled() const { return running != nullptr; }
};

// What a caller says of a proxy.
struct ProxyInput {
  std::string name;
  std::string listen;
  std::string upstream;
  bool enabled = true;
  std::optional<std::uint64_t> seed{};
  Toxics toxics{};  // of a state file; the API adds them one by one
};

struct ProxySetLimits {
  std::size_t proxies = 1000;
  std::size_t toxics = 100;  // of one proxy
};

// All proxies of the program, and what may be done with them; one change after another. Errors have
// the HTTP status that Toxiproxy answers as their code.
//
// Threads:  the io_context's one.
// Blocking: never; a change is done when the workers have it.
// Lifetime: `engine` outlives it.
class ProxySet {
 public:
  // `seed`: each proxy that was given none gets its own from it, by its name.
  ProxySet(Engine& engine, std::uint64_t seed, const ProxySetLimits& limits);
  ~ProxySet();

  const std::map<std::string, std::shared_ptr<Proxy>>& all() const { return proxies_; }
  std::shared_ptr<Proxy> find(const std::string& name) const;  // may be null

  asio::awaitable<Result<std::shared_ptr<Proxy>>> create(ProxyInput input);
  // All that is given takes the place of what there was.
  asio::awaitable<Result<std::shared_ptr<Proxy>>> update(std::string name, ProxyInput input);
  asio::awaitable<Result<void>> remove(std::string name);

  // Proxies of the same listen and upstream stay as they are, with their toxics; others of the name
  // are replaced. Stops at the first error; what was done before it stays.
  struct Populated {
    std::vector<std::shared_ptr<Proxy>> proxies;
    std::optional<Error> error;
  };
  asio::awaitable<Populated> populate(std::vector<ProxyInput> inputs);
  // Enables all, and takes all toxics away.
  asio::awaitable<Result<void>> reset();

  // Makes the toxics from the present ones; an error changes nothing. The one named by `make` is
  // returned. `make` runs while nothing else changes.
  using Change = std::function<Result<std::shared_ptr<const Toxic>>(Toxics&)>;
  asio::awaitable<Result<std::shared_ptr<const Toxic>>> change_toxics(std::string name,
                                                                      Change change);
  std::uint64_t next_toxic_id() { return ++last_toxic_id_; }
  const ProxySetLimits& limits() const { return limits_; }

  // Called after each change.
  void on_change(std::function<void()> observer) { changed_ = std::move(observer); }
  // No new connections, as a stop begins; nothing can be changed back.
  void stop_listening();

 private:
  Result<void> start(Proxy& proxy);
  asio::awaitable<void> stop(Proxy& proxy, const std::string& reason);
  asio::awaitable<Result<void>> set_toxics(Proxy& proxy, Toxics toxics);
  Result<std::shared_ptr<Proxy>> make(const ProxyInput& input);
  std::uint64_t seed_for(const ProxyInput& input) const;
  void changed() const {
    if (changed_) changed_();
  }

  Engine& engine_;
  Random random_;
  ProxySetLimits limits_;
  AsyncMutex changing_;
  std::map<std::string, std::shared_ptr<Proxy>> proxies_;
  std::uint64_t last_toxic_id_ = 0;
  std::function<void()> changed_;
};

}  // namespace stormlog::proxy
