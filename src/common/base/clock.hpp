#pragma once

#include <atomic>
#include <chrono>

namespace stormlog {

using Nanoseconds = std::chrono::nanoseconds;
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, Nanoseconds>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Nanoseconds>;

// Where time comes from. Wall time stamps, monotonic time measures.
//
// Threads: thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime now() const = 0;
  virtual WallTime wall_now() const = 0;
};

// CLOCK_MONOTONIC and CLOCK_REALTIME.
class SystemClock final : public Clock {
 public:
  MonotonicTime now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }

  static const SystemClock& instance();
};

// CLOCK_MONOTONIC_COARSE: the time of the kernel's last tick. A read costs a fraction of what it
// costs with SystemClock; for durations that are compared with thresholds well above step().
//
// Error: now() is behind SystemClock's by less than step(), so a duration is off by less than
// step()
//        either way, and one below it may be measured as 0. Where the kernel's own tick comes late,
//        as in a virtual machine that was not scheduled, the error is as large as the delay.
//        Both clocks count from the same moment: their times may be compared.
// Source: clock_gettime(2).
class CoarseClock final : public Clock {
 public:
  MonotonicTime now() const override;
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }

  // How far the clock moves at once: 4 ms where the kernel ticks 250 times a second.
  static Nanoseconds step();

  static const CoarseClock& instance();
};

// A clock that only moves when a test says so.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime wall = WallTime{std::chrono::seconds{1'700'000'000}})
      : wall_start_(wall) {}

  MonotonicTime now() const override {
    return MonotonicTime{Nanoseconds{elapsed_.load(std::memory_order_acquire)}};
  }
  WallTime wall_now() const override {
    return wall_start_ + Nanoseconds{elapsed_.load(std::memory_order_acquire) +
                                     wall_step_.load(std::memory_order_acquire)};
  }

  void advance(Nanoseconds by) { elapsed_.fetch_add(by.count(), std::memory_order_acq_rel); }
  // Moves wall time alone, as NTP or an operator would.
  void step_wall(Nanoseconds by) { wall_step_.fetch_add(by.count(), std::memory_order_acq_rel); }

 private:
  WallTime wall_start_;
  std::atomic<Nanoseconds::rep> elapsed_{1'000'000'000};
  std::atomic<Nanoseconds::rep> wall_step_{0};
};

}  // namespace stormlog
