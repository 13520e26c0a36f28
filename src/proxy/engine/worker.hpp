#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "proxy/engine/connection.hpp"
#include "proxy/engine/engine_state.hpp"
#include "proxy/engine/listener.hpp"
#include "proxy/engine/mailbox.hpp"
#include "proxy/engine/pipe_pool.hpp"
#include "proxy/engine/timer_heap.hpp"

namespace stormlog::proxy {

// One proxy on one worker, with its connections there.
struct Lane {
  std::shared_ptr<ProxyCore> core;
  std::shared_ptr<const Toxics> toxics;
  std::shared_ptr<Listener> listener;  // null while it accepts nothing
  std::vector<std::unique_ptr<Connection>> connections;
};

// One thread of the engine: an epoll loop over its connections. All workers wait on each listening
// socket, the kernel wakes one of them, and the connection goes to the worker that has the fewest.
//
// Threads: post(), load() and the constructor on any; everything else on its own.
class Worker {
 public:
  Worker(std::size_t index, EngineState& state);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // `peers` are all workers, this one among them; they outlive its thread.
  void start(std::vector<Worker*> peers);
  void post(Mailbox::Letter letter) { mailbox_.post(std::move(letter)); }
  // Ends the thread; connections are closed.
  void stop();
  std::int64_t load() const { return load_.load(std::memory_order_relaxed); }

  // What letters call.
  void add(std::shared_ptr<ProxyCore> core, std::shared_ptr<const Toxics> toxics,
           std::shared_ptr<Listener> listener);
  void listen(std::uint64_t proxy, std::shared_ptr<Listener> listener);  // null: no more
  void set_toxics(std::uint64_t proxy, std::shared_ptr<const Toxics> toxics);
  void remove(std::uint64_t proxy, const std::string& reason, Connection::End how);
  void adopt(std::uint64_t proxy, int client_fd, const Address& client, std::uint64_t number);

  // For its connections.
  std::size_t index() const { return index_; }
  EngineState& state() { return state_; }
  MonotonicTime now() const { return now_; }
  int epoll_fd() const { return epoll_fd_; }
  std::span<char> buffer() { return buffer_; }
  PipePool& pipes() { return pipes_; }
  TimerHeap<Connection>& timers() { return timers_; }
  static std::uint64_t tag(Connection& connection, bool server_side);
  void resolve(const std::string& upstream, Connection& connection);
  // It has more to do than fits into one turn.
  void again(Connection& connection);
  // It waits for memory.
  void starve(Connection& connection);
  // It is over.
  void bury(Connection& connection);

 private:
  void run();
  void wait_and_dispatch();
  void fire_timers();
  void run_ready();
  void bury_dead();
  void feed_starved();
  void read_mail();
  void accept_from(Lane& lane);
  bool accept_one(Lane& lane);
  void watch_listener(Lane& lane);
  void unwatch_listener(Lane& lane);
  Worker& least_loaded();

  const std::size_t index_;
  EngineState& state_;
  int epoll_fd_;
  Mailbox mailbox_;
  std::vector<Worker*> peers_;
  std::atomic<std::int64_t> load_{0};
  bool stopping_ = false;
  MonotonicTime now_;

  std::vector<char> buffer_;
  PipePool pipes_;
  TimerHeap<Connection> timers_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Lane>> lanes_;
  // Of this turn: its events may still name them, and connections refer to their lane.
  std::vector<std::unique_ptr<Lane>> dead_lanes_;
  std::vector<std::unique_ptr<Connection>> graves_;
  std::vector<Connection*> ready_;
  std::vector<Connection*> starved_;
  std::unordered_map<std::uint64_t, Connection*> resolving_;
  std::uint64_t last_question_ = 0;
  MonotonicTime accept_again_{};  // there were no descriptors left
  std::thread thread_;
};

}  // namespace stormlog::proxy
