#include "resilience/bulkhead.hpp"

#include <algorithm>
#include <cassert>

#include "resilience/config_check.hpp"

namespace stormlog::resilience {

Result<void> validate(const BulkheadConfig& config) {
  for (const Result<void>& result : {
           in_range("max_concurrent", config.max_concurrent, 1, 1e9),
           in_range("max_wait", config.max_wait),
       }) {
    if (!result) return result;
  }
  return {};
}

Bulkhead::Bulkhead(std::string name, BulkheadConfig config)
    : name_(std::move(name)),
      config_(checked("bulkhead", name_, config)),
      free_(config_.max_concurrent) {}

Bulkhead::Permit Bulkhead::acquire(Nanoseconds at_most) {
  const Nanoseconds longest = std::min<Nanoseconds>(at_most, config_.max_wait);
  if (take_free() || (longest > Nanoseconds{0} && wait_for_permit(longest))) return Permit(this);
  refused_.add();
  return {};
}

bool Bulkhead::wait_for_permit(Nanoseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  std::unique_lock lock(mutex_);
  // Under the lock up to the queue, so that whoever finds the number negative finds a waiter too.
  if (free_.fetch_sub(1, std::memory_order_acq_rel) > 0) return true;
  Waiter waiter;
  queue_.push_back(&waiter);
  while (!waiter.has_permit) {
    if (waiter.handed_over.wait_until(lock, until) != std::cv_status::timeout) continue;
    if (waiter.has_permit) break;
    if (withdraw(waiter)) return false;
    // All who still wait have been promised a permit: it is on its way.
    waiter.handed_over.wait(lock, [&waiter] { return waiter.has_permit; });
  }
  return true;
}

bool Bulkhead::withdraw(Waiter& waiter) {
  int free = free_.load(std::memory_order_relaxed);
  while (free < 0) {
    if (!free_.compare_exchange_weak(free, free + 1, std::memory_order_acq_rel)) continue;
    queue_.erase(std::find(queue_.begin(), queue_.end(), &waiter));
    return true;
  }
  return false;
}

void Bulkhead::hand_over() {
  const std::lock_guard lock(mutex_);
  assert(!queue_.empty());
  Waiter& first = *queue_.front();
  queue_.pop_front();
  first.has_permit = true;
  // Under the lock: without it the waiter might be gone already.
  first.handed_over.notify_one();
}

}  // namespace stormlog::resilience
