#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/service/service_config.hpp"
#include "proxy/api/proxy_set.hpp"
#include "proxy/engine/engine.hpp"

namespace stormlog::proxy {

struct ProxyServerConfig {
  service::ServiceConfig service{"proxy", 8474};
  EngineLimits limits;
  bool connections_asked = false;  // then it is said that the limit of open files allows fewer
  ProxySetLimits set_limits;
  std::size_t workers = 0;  // one for each core
  std::string token;        // "" = none is asked for; needed for any address but loopback
  std::optional<std::uint64_t> seed;
  // What a proxy that died begins with; an orderly end removes it. "" = nothing is kept.
  std::filesystem::path state_file;
  // The proxies to begin with, asked again at each SIGHUP; empty = none.
  std::function<Result<std::vector<ProxyInput>>()> configured;
};

// The whole program behind `stormlog proxy`: engine, API, metrics, signals. SIGTERM and SIGINT stop
// listening, wait for the connections to end as long as the drain takes, and close the rest. SIGHUP
// reads the configured proxies again: new ones are made, changed ones replaced, those that were
// configured and are no longer are deleted; what the API made stays.
//
// Blocking: run() until the end.
// Errors:   listen() and load() say why; run() returns the exit code.
class ProxyServer {
 public:
  explicit ProxyServer(ProxyServerConfig config);
  ~ProxyServer();

  // Opens the API's address.
  Result<void> listen();
  // "127.0.0.1:8474", with the real port.
  std::string address() const;
  // Starts the proxies of the state file and those that are configured. A proxy that cannot start
  // is an error; one of the state file stays there, disabled, and is only logged.
  Result<void> load();
  const std::map<std::string, std::shared_ptr<Proxy>>& proxies() const;
  int run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stormlog::proxy
