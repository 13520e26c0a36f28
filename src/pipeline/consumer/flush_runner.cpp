#include "pipeline/consumer/flush_runner.hpp"

#include <utility>

namespace stormlog::pipeline {

ThreadFlushRunner::ThreadFlushRunner() : thread_([this] { run(); }) {}

ThreadFlushRunner::~ThreadFlushRunner() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ThreadFlushRunner::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return work_ || stop_; });
    if (!work_) return;
    const auto& work = work_;  // stays: done() is told by its absence
    lock.unlock();
    work();
    lock.lock();
    work_ = nullptr;
    changed_.notify_all();
  }
}

void ThreadFlushRunner::start(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_ = std::move(work);
  }
  changed_.notify_all();
}

bool ThreadFlushRunner::done() {
  const std::lock_guard lock(mutex_);
  return !work_;
}

void ThreadFlushRunner::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !work_; });
}

}  // namespace stormlog::pipeline
