#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace stormlog::pipeline {

// Where the flushes of each writer run, one of a writer at a time. Writers count from 0.
//
// Threads: its calls from one thread; what the work wrote is seen after done() or a wait said that
//          it is done.
class FlushRunner {
 public:
  virtual ~FlushRunner() = default;

  using Work = std::function<void()>;

  // Nothing of that writer may be running.
  virtual void start(std::size_t writer, Work work) = 0;
  virtual bool done(std::size_t writer) = 0;  // also when nothing was started
  virtual void wait(std::size_t writer) = 0;
  // Until one of these is done, at least one writer.
  virtual void wait_any(std::span<const std::size_t> writers) = 0;
};

// At once, in start().
class InlineFlushRunner final : public FlushRunner {
 public:
  void start(std::size_t, Work work) override { work(); }
  bool done(std::size_t) override { return true; }
  void wait(std::size_t) override {}
  void wait_any(std::span<const std::size_t>) override {}
};

// On a thread for each writer: its caller parses the next records while the database stores these.
//
// Lifetime: the destructor waits for what is running.
class ThreadFlushRunner final : public FlushRunner {
 public:
  explicit ThreadFlushRunner(std::size_t writers);
  ~ThreadFlushRunner() override;
  ThreadFlushRunner(const ThreadFlushRunner&) = delete;
  ThreadFlushRunner& operator=(const ThreadFlushRunner&) = delete;

  void start(std::size_t writer, Work work) override;
  bool done(std::size_t writer) override;
  void wait(std::size_t writer) override;
  void wait_any(std::span<const std::size_t> writers) override;

 private:
  void run(std::size_t writer);

  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable ended_;
  std::vector<Work> work_;  // of each writer; none: it is done
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stormlog::pipeline
