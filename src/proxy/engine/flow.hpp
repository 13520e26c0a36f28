#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "proxy/engine/counters.hpp"
#include "proxy/engine/pipe_pool.hpp"
#include "proxy/engine/socket.hpp"
#include "proxy/toxic/chain.hpp"

namespace stormlog::proxy {

class Connection;

// One direction of a connection: reads its source, passes the bytes through the toxics and writes
// what they let through. Without toxics the bytes take the short way: one read and one write
// through a buffer of the worker, and through a pipe inside the kernel once there are many.
//
// What waits to be written, and what toxics hold, is at most the engine's window; beyond that the
// source is not read, and the kernel tells its sender to wait.
//
// A FIN goes on when all before it is written; the other direction lives on. A RST goes on in the
// same way, as a reset of both ends, so that a toxic that delays or drops data does it to the reset
// as well.
//
// Threads: those of its connection.
class Flow final : public Output {
 public:
  Flow(Stream stream, Connection& connection, Socket& from, Socket& to);
  ~Flow() override;

  void apply(const Toxics& toxics, MonotonicTime now);
  // Lets toxics pass on what is due.
  void wake(MonotonicTime now);
  std::optional<MonotonicTime> deadline() const;

  // Moves what can be moved. True when there is more than its share of one turn.
  bool pump();
  // Its destination is gone: nothing is read or written any more.
  void lose_destination();

  // The end of the stream has been written, or its destination is gone.
  bool finished() const { return finished_; }
  bool flushed() const { return waiting() == 0; }
  // Bytes that wait to be written.
  std::size_t waiting() const { return queued_ + in_pipe_; }
  bool lost_destination() const { return lost_destination_; }
  bool has_read_all() const { return source_ended_; }
  // Bytes so far.
  std::uint64_t received() const { return received_; }
  std::uint64_t sent() const { return sent_; }

 private:
  enum class Step { moved, stopped };

  // Output: what leaves the chain.
  void chunk(Chunk chunk) override;
  void end() override { end_waits_ = true; }
  void close() override;
  void reset() override;

  bool is_short_way() const { return !chain_ || chain_->empty(); }
  std::size_t room();
  Step copy_through();
  Step move_through();
  Step read_into_chain();
  Step failed_read(int code);
  void source_ended(bool was_reset);
  bool flush();
  bool flush_pipe();
  bool failed_write(int code);
  void drop_waiting();
  void count_read(ssize_t bytes);
  void count_written(ssize_t bytes);
  std::size_t held_here() const;
  void count_held();

  const Stream stream_;
  Connection& connection_;
  Socket& from_;
  Socket& to_;
  DirectionCounters& counters_;
  std::unique_ptr<Chain> chain_;     // made with the first toxic
  std::vector<std::string> acting_;  // names of the toxics that events have told of

  std::vector<ByteSlice> queue_;  // from `first_queued_` on
  std::size_t first_queued_ = 0;
  std::size_t queued_ = 0;
  std::optional<Pipe> pipe_;  // while it holds bytes
  std::size_t in_pipe_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
  std::size_t counted_ = 0;  // what the engine's total holds of this flow
  MonotonicTime now_{};      // of the call into the chain that is under way

  int full_reads_ = 0;
  bool bulk_ = false;  // many bytes at once: through the pipe
  bool was_bulk_ = false;
  bool reading_ = true;
  bool source_ended_ = false;
  bool reset_after_ = false;
  bool end_waits_ = false;
  bool finished_ = false;
  bool lost_destination_ = false;
};

}  // namespace stormlog::proxy
