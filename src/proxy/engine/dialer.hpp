#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "proxy/engine/address.hpp"

namespace stormlog::proxy {

// Looks up the names of upstreams on a thread of its own, so that no worker waits for a resolver,
// and remembers what it found for a second.
//
// Threads: thread-safe.
class Dialer {
 public:
  using Found = std::function<void(Result<std::vector<Address>>)>;

  explicit Dialer(const Clock& clock);
  ~Dialer();
  // Nothing is looked up any more, and no callback runs.
  void stop();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  // What was found lately.
  std::optional<std::vector<Address>> remembered(const std::string& upstream);
  // Calls `found` on the dialer's thread.
  void look_up(const std::string& upstream, Found found);

 private:
  struct Asked {
    std::string upstream;
    Found found;
  };
  struct Known {
    std::vector<Address> addresses;
    MonotonicTime until;
  };
  void run();

  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Asked> asked_;
  std::map<std::string, Known> known_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace stormlog::proxy
