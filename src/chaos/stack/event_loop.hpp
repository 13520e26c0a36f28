#pragma once

#include <poll.h>
#include <sys/types.h>

#include <functional>
#include <map>

#include "common/base/clock.hpp"

namespace stormlog::chaos {

// poll(2) with handlers, timers and the ends of child processes; what the supervisor runs on.
// Handlers may add and remove handlers, their own too.
//
// Threads:  one.
// Lifetime: owns no file descriptor that is watched. Blocks SIGCHLD, SIGTERM, SIGINT and SIGHUP in
//           this thread while it lives; children must unblock them (launch() does).
class EventLoop {
 public:
  using TimerId = std::uint64_t;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void watch(int fd, short events, std::function<void(short revents)> handler);
  void forget(int fd);

  TimerId after(Nanoseconds delay, std::function<void()> handler);
  void cancel(TimerId id) { timers_by_id_.erase(id); }

  // Called once, with the status of waitpid(2), when this child has ended. Other children (orphans
  // that this process inherits as a subreaper) are collected silently.
  void on_child_end(pid_t pid, std::function<void(int status)> handler);
  void forget_child(pid_t pid) { children_.erase(pid); }
  bool is_child(pid_t pid) const { return children_.contains(pid); }

  // SIGTERM and SIGINT.
  void on_terminate(std::function<void()> handler) { terminate_ = std::move(handler); }

  void run();
  void stop() { stopped_ = true; }

 private:
  struct Watch {
    short events = 0;
    std::uint64_t generation = 0;  // tells a reused fd from the one that was polled
    std::function<void(short)> handler;
  };
  struct Timer {
    MonotonicTime due;
    std::function<void()> handler;
  };

  int timeout_ms() const;
  void run_timers();
  void read_signals();

  std::map<int, Watch> watches_;
  std::map<TimerId, Timer> timers_by_id_;
  std::map<pid_t, std::function<void(int)>> children_;
  std::function<void()> terminate_;
  std::uint64_t next_id_ = 1;
  int signal_fd_ = -1;
  bool stopped_ = false;
};

}  // namespace stormlog::chaos
