#include "proxy/engine/pipe_pool.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace stormlog::proxy {

PipePool::~PipePool() {
  for (const Pipe pipe : pipes_) close(pipe);
}

std::optional<Pipe> PipePool::take() {
  if (!pipes_.empty()) {
    const Pipe pipe = pipes_.back();
    pipes_.pop_back();
    return pipe;
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return std::nullopt;
  // An unprivileged user may be granted less; it works all the same, in smaller steps.
  ::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
  return Pipe{ends[0], ends[1]};
}

void PipePool::put_back(Pipe pipe) {
  if (pipes_.size() < kKept) return pipes_.push_back(pipe);
  close(pipe);
}

void PipePool::close(Pipe pipe) {
  ::close(pipe.read_fd);
  ::close(pipe.write_fd);
}

}  // namespace stormlog::proxy
