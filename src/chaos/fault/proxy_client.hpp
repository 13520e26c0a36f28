#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "chaos/stack/stack.hpp"
#include "common/base/result.hpp"

namespace stormlog::chaos {

// Toxiproxy's HTTP API, as its other clients use it. A token is taken from $STORMLOG_PROXY_TOKEN:
// it is in no file of ours.
//
// Threads:  thread-safe.
// Blocking: at most a few seconds for each call.
// Errors:   retriable where nothing answers; else permanent with the proxy's own words, and its
//           HTTP status as the code.
class ProxyClient {
 public:
  using Json = nlohmann::ordered_json;

  explicit ProxyClient(std::string api) : api_(std::move(api)) {}
  // Permanent error where the stack file names no proxy.
  static Result<ProxyClient> of(const Stack& stack);

  Result<Json> proxy(const std::string& name) const;
  Result<void> add_proxy(const std::string& name, const std::string& listen,
                         const std::string& upstream) const;
  // One that is not there is as good as removed.
  Result<void> remove_proxy(const std::string& name) const;
  Result<void> add_toxic(const std::string& proxy, const Json& toxic) const;
  Result<void> remove_toxic(const std::string& proxy, const std::string& toxic) const;
  // Whether announce_canary() is there: on `stormlog proxy` it is, on Toxiproxy it is not.
  Result<bool> knows_canaries(const std::string& proxy) const;
  // The next connection of `client` through the proxy goes to `upstream`. Code "404" or "405" where
  // the proxy knows no canaries, as Toxiproxy does not.
  Result<void> announce_canary(const std::string& proxy, const std::string& client,
                               const std::string& upstream) const;

  const std::string& api() const { return api_; }

 private:
  Result<Json> call(const std::string& method, const std::string& path, const Json& body) const;
  Result<void> remove(const std::string& path) const;

  std::string api_;
};

}  // namespace stormlog::chaos
