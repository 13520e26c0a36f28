#include "pipeline/consumer/flush_runner.hpp"

#include <utility>

namespace stormlog::pipeline {

ThreadFlushRunner::ThreadFlushRunner(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

ThreadFlushRunner::~ThreadFlushRunner() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadFlushRunner::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !waiting_.empty() || stop_; });
    if (waiting_.empty()) return;
    const Part part = std::move(waiting_.back());
    waiting_.pop_back();
    lock.unlock();
    part();
    lock.lock();
    if (--unfinished_ == 0) changed_.notify_all();
  }
}

void ThreadFlushRunner::start(std::vector<Part> parts) {
  {
    const std::lock_guard lock(mutex_);
    unfinished_ = parts.size();
    waiting_ = std::move(parts);
  }
  changed_.notify_all();
}

bool ThreadFlushRunner::done() {
  const std::lock_guard lock(mutex_);
  return unfinished_ == 0;
}

void ThreadFlushRunner::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unfinished_ == 0; });
}

}  // namespace stormlog::pipeline
