#include "resilience/event_queue.hpp"

#include <exception>

#include "common/base/log.hpp"

namespace stormlog::resilience {
namespace {

void hand_over(const EventQueue::Listener& listener, const BreakerEvent& event) {
  try {
    listener(event);
  } catch (const std::exception& error) {
    log::warn("a listener of a circuit breaker failed",
              {{"breaker", event.breaker}, {"error", error.what()}});
  } catch (...) {
    log::warn("a listener of a circuit breaker failed", {{"breaker", event.breaker}});
  }
}

}  // namespace

void EventQueue::push(BreakerEvent event) {
  if (!listeners_.empty()) events_.push_back(std::move(event));
}

void EventQueue::deliver(std::unique_lock<std::mutex> lock) {
  if (delivering_ || events_.empty()) return;
  delivering_ = true;
  while (!events_.empty()) {
    const BreakerEvent event = std::move(events_.front());
    events_.pop_front();
    lock.unlock();
    for (const Listener& listener : listeners_) hand_over(listener, event);
    lock.lock();
  }
  delivering_ = false;
}

}  // namespace stormlog::resilience
