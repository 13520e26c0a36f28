#include "chaos/stack/event_loop.hpp"

#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <vector>

namespace stormlog::chaos {
namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

MonotonicTime now() {
  return SystemClock::instance().now();
}

}  // namespace

EventLoop::EventLoop() {
  const sigset_t set = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  watch(signal_fd_, POLLIN, [this](short) { read_signals(); });
}

EventLoop::~EventLoop() {
  ::close(signal_fd_);
  const sigset_t set = handled_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void EventLoop::watch(int fd, short events, std::function<void(short)> handler) {
  watches_[fd] = Watch{events, next_id_++, std::move(handler)};
}

void EventLoop::forget(int fd) {
  watches_.erase(fd);
}

EventLoop::TimerId EventLoop::after(Nanoseconds delay, std::function<void()> handler) {
  const TimerId id = next_id_++;
  timers_by_id_[id] = Timer{now() + delay, std::move(handler)};
  return id;
}

void EventLoop::on_child_end(pid_t pid, std::function<void(int)> handler) {
  children_[pid] = std::move(handler);
}

int EventLoop::timeout_ms() const {
  if (timers_by_id_.empty()) return -1;
  MonotonicTime due = MonotonicTime::max();
  for (const auto& [id, timer] : timers_by_id_) due = std::min(due, timer.due);
  const auto left = due - now();
  if (left <= Nanoseconds{0}) return 0;
  // Rounded up: waking a millisecond early would only spin.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<std::int64_t>(ms, 3'600'000));
}

void EventLoop::run_timers() {
  const MonotonicTime time = now();
  std::vector<std::pair<MonotonicTime, TimerId>> due;
  for (const auto& [id, timer] : timers_by_id_) {
    if (timer.due <= time) due.emplace_back(timer.due, id);
  }
  std::sort(due.begin(), due.end());
  for (const auto& [when, id] : due) {
    const auto found = timers_by_id_.find(id);
    if (found == timers_by_id_.end()) continue;  // cancelled by a handler before it
    const auto handler = std::move(found->second.handler);
    timers_by_id_.erase(found);
    handler();
  }
}

void EventLoop::read_signals() {
  bool terminate = false;
  signalfd_siginfo info;
  while (::read(signal_fd_, &info, sizeof info) == sizeof info) {
    terminate |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
  }
  // Signals merge, so every child that has ended is collected, not only the one named.
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) break;
    const auto found = children_.find(pid);
    if (found == children_.end()) continue;
    const auto handler = std::move(found->second);
    children_.erase(found);
    handler(status);
  }
  if (terminate && terminate_) terminate_();
}

void EventLoop::run() {
  stopped_ = false;
  std::vector<pollfd> fds;
  std::vector<std::uint64_t> generations;
  while (!stopped_) {
    fds.clear();
    generations.clear();
    for (const auto& [fd, watch] : watches_) {
      fds.push_back({fd, watch.events, 0});
      generations.push_back(watch.generation);
    }
    const int ready = ::poll(fds.data(), fds.size(), timeout_ms());
    if (ready < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "poll");
    }
    for (std::size_t i = 0; ready > 0 && i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      const auto found = watches_.find(fds[i].fd);
      if (found == watches_.end() || found->second.generation != generations[i]) continue;
      const auto handler = found->second.handler;  // a copy: it may remove itself
      handler(fds[i].revents);
    }
    run_timers();
  }
}

}  // namespace stormlog::chaos
