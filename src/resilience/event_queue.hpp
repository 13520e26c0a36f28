#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "resilience/event.hpp"

namespace stormlog::resilience {

// Hands events to listeners one at a time and in order, without a lock held. One thread delivers;
// events that others add meanwhile, or a listener itself by using the breaker, are delivered by it
// too.
//
// Threads: all under the breaker's mutex; deliver() lets go of it.
// Errors:  what a listener throws is counted and dropped: whoever watches must not fail a call.
class EventQueue {
 public:
  using Listener = std::function<void(const BreakerEvent&)>;

  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }
  void push(BreakerEvent event);
  void deliver(std::unique_lock<std::mutex> lock);
  // How often a listener has thrown.
  std::uint64_t failures() const { return failures_; }

 private:
  std::vector<Listener> listeners_;
  std::deque<BreakerEvent> events_;
  bool delivering_ = false;
  std::uint64_t failures_ = 0;
};

}  // namespace stormlog::resilience
