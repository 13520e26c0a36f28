#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/postgres/client.hpp"
#include "common/redis/connection.hpp"

namespace stormlog::pipeline {

// A few threads with connections of their own, for queries: they must hold up neither the I/O
// thread nor the ingest.
//
// Threads:  submit() from any thread.
// Blocking: never; a full queue refuses.
// Lifetime: the destructor drops what waits and joins what runs.
class QueryPool {
 public:
  struct Config {
    postgres::ConnectOptions postgres;
    redis::Url redis;
    redis::ConnectOptions redis_connection;
    int threads = 2;
    std::size_t max_waiting = 64;
  };

  // What a job works with.
  struct Worker {
    explicit Worker(const Config& config)
        : postgres(config.postgres), redis(config.redis, config.redis_connection) {}

    postgres::Client postgres;
    redis::Client redis;
  };
  using Job = std::function<void(Worker&)>;

  explicit QueryPool(Config config);
  ~QueryPool();
  QueryPool(const QueryPool&) = delete;
  QueryPool& operator=(const QueryPool&) = delete;

  // False when too many wait already.
  bool submit(Job job);

 private:
  void loop();

  Config config_;
  std::mutex mutex_;
  std::condition_variable condition_;
  std::deque<Job> waiting_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stormlog::pipeline
