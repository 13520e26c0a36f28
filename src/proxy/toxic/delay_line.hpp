#pragma once

#include <algorithm>
#include <deque>

#include "proxy/toxic/stage.hpp"

namespace stormlog::proxy {

// Chunks that wait, each for its own moment, and leave in the order they came: one that is due
// waits for those before it. The end of the stream is the last of them.
//
// Threads: caller synchronises.
class DelayLine {
 public:
  // `draw` is kept with the chunk, for reschedule().
  void push(Chunk chunk, MonotonicTime due, double draw = 0) {
    held_ += chunk.bytes.size();
    waiting_.push_back({std::move(chunk), due, draw});
  }
  void end() { ended_ = true; }

  bool empty() const { return waiting_.empty(); }
  std::size_t held() const { return held_; }
  std::size_t chunks() const { return waiting_.size(); }
  std::optional<MonotonicTime> deadline() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.front().due;
  }

  // Passes on what is due, with `at` set to when it was due.
  void release(MonotonicTime now, Output& out) {
    while (!waiting_.empty() && waiting_.front().due <= now) pop(out);
    finish(out);
  }
  void release_all(MonotonicTime now, Output& out) {
    for (auto& one : waiting_) one.due = std::min(one.due, now);
    release(now, out);
  }
  // Gives each chunk a new moment: due_of(the chunk, its draw).
  template <typename DueOf>
  void reschedule(DueOf due_of) {
    for (auto& one : waiting_) one.due = due_of(one.chunk, one.draw);
  }

 private:
  struct Waiting {
    Chunk chunk;
    MonotonicTime due;
    double draw;
  };

  void pop(Output& out) {
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    held_ -= first.chunk.bytes.size();
    first.chunk.at = first.due;
    out.chunk(std::move(first.chunk));
  }
  void finish(Output& out) {
    if (!ended_ || !waiting_.empty()) return;
    ended_ = false;
    out.end();
  }

  std::deque<Waiting> waiting_;
  std::size_t held_ = 0;
  bool ended_ = false;
};

}  // namespace stormlog::proxy
