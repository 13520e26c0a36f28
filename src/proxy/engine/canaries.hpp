#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "proxy/engine/address.hpp"

namespace stormlog::proxy {

// Announced canary connections of one proxy: the next connection from `client` goes to an upstream
// of its own. It comes in by the same port, and the same toxics act on it as on every other.
//
// Threads: thread-safe; a proxy without any costs one load for each connection.
class Canaries {
 public:
  static constexpr std::chrono::seconds kWaited{30};  // then it is forgotten
  static constexpr std::size_t kMost = 1000;

  // False when there are too many.
  bool announce(const std::string& client, const Address& upstream, MonotonicTime now) {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [now](const auto& one) { return one.until < now; });
    if (waiting_.size() >= kMost) return false;
    waiting_.push_back({client, upstream, now + kWaited});
    any_ = true;
    return true;
  }

  std::optional<Address> take(const Address& client, MonotonicTime now) {
    if (!any_.load(std::memory_order_acquire)) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const std::string name = client.text();
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& one) {
      return one.client == name && one.until >= now;
    });
    if (found == waiting_.end()) return std::nullopt;
    const Address upstream = found->upstream;
    waiting_.erase(found);
    any_ = !waiting_.empty();
    return upstream;
  }

 private:
  struct Waiting {
    std::string client;
    Address upstream;
    MonotonicTime until;
  };
  std::mutex mutex_;
  std::vector<Waiting> waiting_;
  std::atomic<bool> any_{false};
};

}  // namespace stormlog::proxy
