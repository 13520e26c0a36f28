#include "chaos/runner/process_watcher.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "chaos/stack/service_state.hpp"
#include "chaos/target/target.hpp"

namespace stormlog::chaos {
namespace {

constexpr int kPollMs = 20;  // how soon a new process is found; ends are seen at once

}  // namespace

ProcessWatcher::ProcessWatcher(const Stack& stack, Journal& journal)
    : stack_(stack), journal_(journal) {
  for (const ServiceSpec& service : stack.services) services_.push_back({service.name, {}, -1});
}

ProcessWatcher::~ProcessWatcher() {
  stop();
  for (const Watched& watched : services_) {
    if (watched.pidfd >= 0) ::close(watched.pidfd);
  }
}

void ProcessWatcher::start() {
  for (Watched& watched : services_) find(watched, true);
  // What does not run at the start is not part of this run.
  std::erase_if(services_, [](const Watched& watched) { return watched.pidfd < 0; });
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void ProcessWatcher::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void ProcessWatcher::run(const std::stop_token& stop) {
  std::vector<pollfd> fds;
  while (!stop.stop_requested()) {
    fds.clear();
    for (const Watched& watched : services_) fds.push_back({watched.pidfd, POLLIN, 0});
    const int ready = ::poll(fds.data(), fds.size(), kPollMs);
    for (std::size_t i = 0; i < services_.size(); ++i) {
      if (ready > 0 && fds[i].fd >= 0 && (fds[i].revents & (POLLIN | POLLHUP)) != 0) {
        ended(services_[i]);
      }
      if (services_[i].pidfd < 0) find(services_[i], false);
    }
  }
}

void ProcessWatcher::find(Watched& watched, bool first) {
  const auto identity = process_of(stack_, watched.service);
  if (!identity.ok() || (watched.process && *watched.process == *identity)) return;
  const auto pidfd = process::open_pidfd(*identity);
  if (!pidfd.ok()) return;  // ended meanwhile: looked for again at the next turn
  watched.process = *identity;
  watched.pidfd = *pidfd;
  const Nanoseconds now = journal_.now();
  {
    const std::lock_guard lock(mutex_);
    running_[watched.service] = true;
    if (first) {
      names_.push_back(watched.service);
      return;
    }
    events_.push_back({watched.service, ProcessEvent::Kind::started, now, identity->pid, {}, {}});
  }
  journal_.write_at("process_started", now, {{"service", watched.service}, {"pid", identity->pid}});
}

void ProcessWatcher::ended(Watched& watched) {
  ::close(watched.pidfd);
  watched.pidfd = -1;
  const Nanoseconds now = journal_.now();
  const int pid = watched.process->pid;
  {
    const std::lock_guard lock(mutex_);
    running_[watched.service] = false;
    events_.push_back({watched.service, ProcessEvent::Kind::ended, now, pid, {}, {}});
  }
  journal_.write_at("process_ended", now, {{"service", watched.service}, {"pid", pid}});
}

std::vector<ProcessEvent> ProcessWatcher::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::vector<std::string> ProcessWatcher::watched() const {
  const std::lock_guard lock(mutex_);
  return names_;
}

Nanoseconds ProcessWatcher::last_event() const {
  const std::lock_guard lock(mutex_);
  return events_.empty() ? Nanoseconds::min() : events_.back().at;
}

bool ProcessWatcher::all_running() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(running_.begin(), running_.end(),
                     [](const auto& entry) { return entry.second; });
}

}  // namespace stormlog::chaos
