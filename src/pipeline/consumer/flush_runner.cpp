#include "pipeline/consumer/flush_runner.hpp"

#include <algorithm>
#include <utility>

#include "common/base/thread_name.hpp"

namespace stormlog::pipeline {

ThreadFlushRunner::ThreadFlushRunner(std::size_t writers) : work_(writers) {
  for (std::size_t i = 0; i < writers; ++i) threads_.emplace_back([this, i] { run(i); });
}

ThreadFlushRunner::~ThreadFlushRunner() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  started_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadFlushRunner::run(std::size_t writer) {
  name_thread("writer");
  std::unique_lock lock(mutex_);
  for (;;) {
    started_.wait(lock, [&] { return work_[writer] != nullptr || stop_; });
    if (work_[writer] == nullptr) return;
    lock.unlock();
    work_[writer]();
    lock.lock();
    work_[writer] = nullptr;
    ended_.notify_all();
  }
}

void ThreadFlushRunner::start(std::size_t writer, Work work) {
  {
    const std::lock_guard lock(mutex_);
    work_[writer] = std::move(work);
  }
  started_.notify_all();
}

bool ThreadFlushRunner::done(std::size_t writer) {
  const std::lock_guard lock(mutex_);
  return work_[writer] == nullptr;
}

void ThreadFlushRunner::wait(std::size_t writer) {
  wait_any(std::span(&writer, 1));
}

void ThreadFlushRunner::wait_any(std::span<const std::size_t> writers) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] {
    return std::any_of(writers.begin(), writers.end(),
                       [this](std::size_t writer) { return work_[writer] == nullptr; });
  });
}

}  // namespace stormlog::pipeline
