#include "resilience/event_queue.hpp"

namespace stormlog::resilience {

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
    std::uint64_t failures = 0;
    for (const Listener& listener : listeners_) {
      try {
        listener(event);
      } catch (...) {
        ++failures;
      }
    }
    lock.lock();
    failures_ += failures;
  }
  delivering_ = false;
}

}  // namespace stormlog::resilience
