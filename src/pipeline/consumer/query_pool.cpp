#include "pipeline/consumer/query_pool.hpp"

#include "common/base/thread_name.hpp"

namespace stormlog::pipeline {

QueryPool::QueryPool(Config config) : config_(std::move(config)) {
  for (int i = 0; i < config_.threads; ++i) threads_.emplace_back([this] { loop(); });
}

QueryPool::~QueryPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    waiting_.clear();
  }
  condition_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool QueryPool::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_ || waiting_.size() >= config_.max_waiting) return false;
    waiting_.push_back(std::move(job));
  }
  condition_.notify_one();
  return true;
}

void QueryPool::loop() {
  name_thread("queries");
  Worker worker(config_);
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      condition_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
      if (stop_) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    job(worker);
  }
}

}  // namespace stormlog::pipeline
