#pragma once

#include <deque>
#include <utility>

#include "proxy/toxic/stage.hpp"

namespace stormlog::proxy {

// Chunks that leave in pieces, in order, and the end of the stream behind them.
//
// Threads: caller synchronises.
class SliceQueue {
 public:
  void push(Chunk chunk) {
    held_ += chunk.bytes.size();
    chunks_.push_back(std::move(chunk));
  }
  void end() { ended_ = true; }

  bool empty() const { return chunks_.empty(); }
  std::size_t held() const { return held_; }
  std::size_t chunks() const { return chunks_.size(); }
  // Bytes of the first chunk; there must be one.
  std::size_t first_size() const { return chunks_.front().bytes.size(); }

  // Passes on up to `size` bytes of the first chunk, as of `at`.
  void send(std::size_t size, MonotonicTime at, Output& out) {
    Chunk& first = chunks_.front();
    Chunk piece{first.bytes.take_front(size), at, first.arrived};
    if (first.bytes.empty()) chunks_.pop_front();
    held_ -= piece.bytes.size();
    out.chunk(std::move(piece));
  }
  void send_all(MonotonicTime at, Output& out) {
    while (!empty()) send(first_size(), at, out);
  }
  // Passes on the end once nothing is before it.
  void finish(Output& out) {
    if (!ended_ || !empty()) return;
    ended_ = false;
    out.end();
  }

 private:
  std::deque<Chunk> chunks_;
  std::size_t held_ = 0;
  bool ended_ = false;
};

}  // namespace stormlog::proxy
