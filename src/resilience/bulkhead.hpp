#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "resilience/refusal.hpp"
#include "resilience/striped_counter.hpp"

namespace stormlog::resilience {

struct BulkheadConfig {
  int max_concurrent = 25;
  // How long acquire() waits for a call to end, at most. 0: not at all.
  std::chrono::milliseconds max_wait{0};
};

Result<void> validate(const BulkheadConfig& config);

// A bound on the calls under way at once: a semaphore. Who waits is served first come, first
// served: a permit that comes back goes to the first who waits, and nobody who comes later gets it.
//
// Threads:  thread-safe; admission and release take no lock unless somebody waits or must wait.
// Blocking: acquire() alone, at most `max_wait`, on the system's monotonic clock.
// Lifetime: outlives its permits.
// Errors:   the constructor throws std::invalid_argument for what validate() refuses.
// Source:   resilience4j 2.x SemaphoreBulkhead (semantics and names).
class Bulkhead {
 public:
  // The right to make one call, until it is destroyed or released.
  //
  // Threads: move-only; may be released on another thread than it was taken on.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept : bulkhead_(std::exchange(other.bulkhead_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) {
        release();
        bulkhead_ = std::exchange(other.bulkhead_, nullptr);
      }
      return *this;
    }
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;
    ~Permit() { release(); }

    explicit operator bool() const { return bulkhead_ != nullptr; }
    void release() {
      if (bulkhead_ != nullptr) std::exchange(bulkhead_, nullptr)->give_back();
    }

   private:
    friend class Bulkhead;
    explicit Permit(Bulkhead* bulkhead) : bulkhead_(bulkhead) {}
    Bulkhead* bulkhead_ = nullptr;
  };

  Bulkhead(std::string name, BulkheadConfig config);
  Bulkhead(const Bulkhead&) = delete;
  Bulkhead& operator=(const Bulkhead&) = delete;

  const std::string& name() const { return name_; }
  const BulkheadConfig& config() const { return config_; }

  // Never waits. Empty when the bulkhead is full.
  Permit try_acquire() {
    if (take_free()) return Permit(this);
    refused_.add();
    return {};
  }
  // Waits for `max_wait`, or for `at_most` where that is less. Empty when no permit came back.
  Permit acquire(Nanoseconds at_most = Nanoseconds::max());

  Refusal refusal() const { return {.guard = Guard::bulkhead, .name = name_}; }

  int max_allowed_concurrent_calls() const { return config_.max_concurrent; }
  int available_concurrent_calls() const {
    return std::max(0, free_.load(std::memory_order_relaxed));
  }
  int waiting() const { return std::max(0, -free_.load(std::memory_order_relaxed)); }
  // Calls that were refused, at once or after the wait.
  std::uint64_t refused() const { return refused_.value(); }

 private:
  struct Waiter {
    std::condition_variable handed_over;
    bool has_permit = false;
  };

  bool take_free() {
    int free = free_.load(std::memory_order_relaxed);
    while (free > 0) {
      if (free_.compare_exchange_weak(free, free - 1, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  void give_back() {
    if (free_.fetch_add(1, std::memory_order_acq_rel) < 0) hand_over();
  }
  bool wait_for_permit(Nanoseconds at_most);
  bool withdraw(Waiter& waiter);
  void hand_over();

  const std::string name_;
  const BulkheadConfig config_;
  // Permits that are free; below zero: so many wait who have not been promised one yet. Whoever
  // gives a permit back while this is negative has promised it to the first of the queue.
  alignas(64) std::atomic<int> free_;
  alignas(64) std::mutex mutex_;
  std::deque<Waiter*> queue_;  // those who were promised one and those who were not, in order
  StripedCounter refused_;
};

}  // namespace stormlog::resilience
