#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/engine/engine_state.hpp"
#include "proxy/engine/flow.hpp"
#include "proxy/engine/socket.hpp"
#include "proxy/engine/timer_heap.hpp"

namespace stormlog::proxy {

class Worker;
struct Lane;

// A client's connection and the one to the upstream that belongs to it.
//
// Threads:  its worker's.
// Lifetime: its lane owns it; when it is over it is buried by the worker after the events of this
//           turn, for some of them may still name it.
class Connection {
 public:
  enum class End { close, reset };

  Connection(Worker& worker, Lane& lane, int client_fd, const Address& client,
             std::uint64_t number);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Dials, unless a toxic is in the way.
  void start(MonotonicTime now);
  void on_event(bool server_side, std::uint32_t events);
  void on_timer(MonotonicTime now);
  // The proxy's toxics have changed.
  void on_toxics(MonotonicTime now);
  void on_resolved(const Result<std::vector<Address>>& found);
  // Goes on where a turn ended, or where there was no memory.
  void go_on();
  // Ends it now; what waits is dropped.
  void kill(const std::string& reason, End how);

  bool over() const { return state_ == State::over; }
  std::uint64_t number() const { return number_; }
  Chain::Connection identity() const;
  Chain::Both& both();

  // For its flows.
  Worker& worker() { return worker_; }
  Lane& lane() { return lane_; }
  ProxyCounters& counters();
  bool ending() const { return over() || close_asked_ || reset_asked_; }
  void ask_close(Stream by);
  void ask_reset(Stream by);
  void note_end(Stream stream, bool was_reset);
  void tell_toxics(Stream stream, const std::vector<std::string>& before,
                   const std::vector<std::string>& after);

  // For the timer heap and the lists of its worker.
  MonotonicTime due{};
  std::size_t timer_place = TimerHeap<Connection>::kNoPlace;
  std::size_t lane_place = 0;
  bool in_ready_list = false;
  bool in_starved_list = false;

 private:
  enum class State { held, resolving, connecting, open, over };

  bool is_held_open() const;
  void dial(MonotonicTime now);
  void try_next_address();
  void connected();
  void not_reached(const std::string& why);
  void turn(Flow& flow);
  void turn_both();
  void settle();
  void set_timer();
  bool watch(Socket& socket, bool server_side);
  void tell(ConnectionEvent event) const;

  Worker& worker_;
  Lane& lane_;
  const std::uint64_t number_;
  State state_ = State::held;
  Address client_address_;
  MonotonicTime born_;
  Socket client_;
  Socket server_;
  std::unique_ptr<Chain::Both> both_;  // made with the first toxic
  Flow up_;
  Flow down_;
  std::vector<Address> addresses_;  // of the upstream that are still to be tried, last first
  std::string dial_error_;
  MonotonicTime connect_until_{};
  MonotonicTime close_until_{};
  bool close_asked_ = false;
  bool reset_asked_ = false;
  std::string reason_;  // the first that was given
};

}  // namespace stormlog::proxy
