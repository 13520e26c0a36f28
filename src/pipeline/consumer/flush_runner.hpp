#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace stormlog::pipeline {

// Where the parts of a flush run: one flush at a time.
//
// Threads: start(), done() and wait() from one thread; what the work wrote is seen after either
//          said that it is done.
class FlushRunner {
 public:
  virtual ~FlushRunner() = default;

  using Part = std::function<void()>;

  // Nothing may be running.
  virtual void start(std::vector<Part> parts) = 0;
  virtual bool done() = 0;  // also when nothing was started
  virtual void wait() = 0;
};

// At once, one part after another, in start().
class InlineFlushRunner final : public FlushRunner {
 public:
  void start(std::vector<Part> parts) override {
    for (const Part& part : parts) part();
  }
  bool done() override { return true; }
  void wait() override {}
};

// On threads of its own: its caller parses the next records while the database stores these. Parts
// beyond the number of threads wait for one.
//
// Lifetime: the destructor waits for what is running.
class ThreadFlushRunner final : public FlushRunner {
 public:
  explicit ThreadFlushRunner(std::size_t threads);
  ~ThreadFlushRunner() override;
  ThreadFlushRunner(const ThreadFlushRunner&) = delete;
  ThreadFlushRunner& operator=(const ThreadFlushRunner&) = delete;

  void start(std::vector<Part> parts) override;
  bool done() override;
  void wait() override;

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Part> waiting_;
  std::size_t unfinished_ = 0;  // waiting or running
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stormlog::pipeline
