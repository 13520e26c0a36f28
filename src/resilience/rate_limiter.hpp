#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "resilience/deadline.hpp"
#include "resilience/refusal.hpp"
#include "resilience/sleeper.hpp"
#include "resilience/striped_counter.hpp"

namespace stormlog::resilience {

struct RateLimiterConfig {
  double permits_per_second = 100;
  // Permits that may be taken at once after a rest. No more are ever held.
  int burst = 100;
  // How long a permit may be waited for, at most. 0: now or not at all.
  std::chrono::milliseconds max_wait{5'000};
};

Result<void> validate(const RateLimiterConfig& config);

// A token bucket: `burst` permits when it is full, refilled evenly at `permits_per_second`. In any
// stretch of time there are at most burst + rate × length of it: no double burst where two fixed
// cycles meet.
//
// The bucket is one word, the moment at which it is full again (the "theoretical arrival time" of
// the generic cell rate algorithm); taking a permit is one compare-and-swap.
//
// Permits are handed out in the order in which they are asked for, ahead of time: who must wait
// knows for how long, and nobody overtakes.
//
// Threads:  thread-safe; no lock anywhere.
// Blocking: acquire() alone, at most `max_wait`.
// Lifetime: outlives its reservations. After 16 years its word overflows.
// Errors:   the constructor throws std::invalid_argument for what validate() refuses.
// Clock:    with CoarseClock the bucket is refilled in steps; the rate is kept where `burst` is at
//           least the permits of one step (rate × CoarseClock::step()).
// Source:   ITU-T I.371 (GCRA).
class RateLimiter {
 public:
  RateLimiter(std::string name, RateLimiterConfig config, const Clock& clock);
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  const std::string& name() const { return name_; }
  const RateLimiterConfig& config() const { return config_; }

  // Takes `permits` now, or none. More than `burst` are never to be had.
  bool try_acquire(int permits = 1);

  // Permits that are good from `ready_at` on. Destroyed before, they are given back, unless
  // somebody else has reserved after them: then they are lost, so that the rate is never exceeded.
  //
  // Threads: move-only; may be used on another thread than it was made on.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept;
    Reservation& operator=(Reservation&& other) noexcept;
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation() { cancel(); }

    // False when the permits were refused; retry_after() then says why not.
    explicit operator bool() const { return granted_; }
    // How long to wait before the call: 0 when the permits are good at once.
    Nanoseconds wait() const { return wait_; }
    // The permits are used: to be called after the wait, before the call.
    void use();
    // True when the permits went back.
    bool cancel();

   private:
    friend class RateLimiter;
    RateLimiter* limiter_ = nullptr;  // while it may be given back
    bool granted_ = false;
    Nanoseconds wait_{0};
    std::int64_t before_ = 0;  // the bucket's word, without and with this reservation
    std::int64_t after_ = 0;
  };
  // Empty where the wait would be longer than `max_wait` or would end after the deadline; then
  // nothing was taken.
  Reservation reserve(int permits = 1, const Deadline& deadline = {});

  // Waits for the permits. False, at once, where reserve() would refuse them.
  bool acquire(const Sleeper& sleeper, int permits = 1, const Deadline& deadline = {});

  // The time until `permits` can be had without a wait; 0: now. Nanoseconds::max() above `burst`.
  Nanoseconds retry_after(int permits = 1) const;
  Refusal refusal(int permits = 1) const;

  struct Metrics {
    int available_permissions = 0;  // negative: so many are reserved ahead of time
    int waiting = 0;                // reservations whose time has not come
    std::uint64_t granted = 0;      // requests, whatever the number of permits
    std::uint64_t refused = 0;
  };
  Metrics metrics() const;
  int available_permissions() const;
  int waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  // Time is counted from the start in sixteenths of a nanosecond, so that rates of many millions a
  // second are still met to a fraction of a percent.
  using Ticks = std::int64_t;
  static constexpr Ticks kTicksPerNanosecond = 16;

  struct Taken {
    Ticks wait;
    Ticks before;
    Ticks after;
  };
  Ticks now() const { return (clock_.now() - start_).count() * kTicksPerNanosecond; }
  std::optional<Taken> take(int permits, Ticks longest_wait);

  const std::string name_;
  const RateLimiterConfig config_;
  const Clock& clock_;
  const MonotonicTime start_;
  const Ticks per_permit_;
  const Ticks capacity_;
  alignas(64) std::atomic<Ticks> full_at_{0};
  alignas(64) std::atomic<int> waiting_{0};
  StripedCounter granted_;
  StripedCounter refused_;
};

}  // namespace stormlog::resilience
