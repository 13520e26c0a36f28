#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace stormlog::proxy {

// A pipe that bytes pass through between two sockets without being copied (splice(2)).
struct Pipe {
  int read_fd = -1;
  int write_fd = -1;
};

// Empty pipes for one worker: a connection has one only while bytes of it are in the pipe.
//
// Threads: caller synchronises.
class PipePool {
 public:
  // Bytes that a pipe is made for; the kernel may grant less.
  static constexpr int kPipeBytes = 1024 * 1024;

  PipePool() = default;
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  // Empty when there are no descriptors left.
  std::optional<Pipe> take();
  // It must be empty.
  void put_back(Pipe pipe);
  // For one that is not.
  static void close(Pipe pipe);

 private:
  static constexpr std::size_t kKept = 64;
  std::vector<Pipe> pipes_;
};

}  // namespace stormlog::proxy
