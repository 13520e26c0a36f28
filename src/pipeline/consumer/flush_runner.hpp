#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace stormlog::pipeline {

// Where a flush runs: one at a time.
//
// Threads: start(), done() and wait() from one thread; what the work wrote is seen after either
//          said that it is done.
class FlushRunner {
 public:
  virtual ~FlushRunner() = default;

  // Nothing may be running.
  virtual void start(std::function<void()> work) = 0;
  virtual bool done() = 0;  // also when nothing was started
  virtual void wait() = 0;
};

// At once, in start().
class InlineFlushRunner final : public FlushRunner {
 public:
  void start(std::function<void()> work) override { work(); }
  bool done() override { return true; }
  void wait() override {}
};

// On a thread of its own: its caller parses the next records while the database stores these.
//
// Lifetime: the destructor waits for what is running.
class ThreadFlushRunner final : public FlushRunner {
 public:
  ThreadFlushRunner();
  ~ThreadFlushRunner() override;
  ThreadFlushRunner(const ThreadFlushRunner&) = delete;
  ThreadFlushRunner& operator=(const ThreadFlushRunner&) = delete;

  void start(std::function<void()> work) override;
  bool done() override;
  void wait() override;

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;  // empty: nothing to do
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace stormlog::pipeline
