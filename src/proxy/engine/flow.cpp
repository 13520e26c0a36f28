#include "proxy/engine/flow.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "proxy/engine/connection.hpp"
#include "proxy/engine/worker.hpp"

namespace stormlog::proxy {
namespace {

// A flow that moved so much lets the others have their turn.
constexpr std::size_t kTurn = 4 * 1024 * 1024;
// After so many reads that filled the buffer, bytes go through a pipe; until few come at once.
constexpr int kFullReads = 2;
constexpr ssize_t kFewBytes = 32 * 1024;
// What the keeping of a chunk costs beside its bytes: without it, a thousand chunks of one byte
// would be a hundred times what they seem.
constexpr std::size_t kChunkOverhead = 128;

// The kernel lets a receive buffer grow to tens of megabytes. On loopback that only drives the data
// out of the processor's cache before its next reader comes (measured: a quarter of the
// throughput); on a network the buffer is what the distance needs, and is left alone.
void keep_in_cache(int fd) {
  constexpr int kReceiveBuffer = 512 * 1024;
  Address peer;
  peer.size = sizeof peer.storage;
  const bool known = ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer.storage), &peer.size) == 0;
  if (!known || !peer.is_loopback()) return;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
}

}  // namespace

Flow::Flow(Stream stream, Connection& connection, Socket& from, Socket& to)
    : stream_(stream),
      connection_(connection),
      from_(from),
      to_(to),
      counters_(connection.counters().direction[static_cast<std::size_t>(stream)]) {}

Flow::~Flow() {
  drop_waiting();
  chain_.reset();
  count_held();
}

void Flow::apply(const Toxics& toxics, MonotonicTime now) {
  if (source_ended_ && is_short_way()) return;  // nothing will come by any more
  if (!chain_) {
    const bool any = std::any_of(toxics.begin(), toxics.end(), [this](const auto& one) {
      return one->stream == stream_ || one->type->share != nullptr;
    });
    if (!any) return;
    chain_ = std::make_unique<Chain>(stream_, connection_.identity(), *this, &connection_.both());
  }
  now_ = now;
  chain_->apply(toxics, now);
  if (connection_.worker().state().wants_events()) {
    connection_.tell_toxics(stream_, acting_, chain_->names());
    acting_ = chain_->names();
  }
  count_held();
}

void Flow::wake(MonotonicTime now) {
  if (!chain_) return;
  now_ = now;
  chain_->wake(now);
}

std::optional<MonotonicTime> Flow::deadline() const {
  if (!chain_) return std::nullopt;
  return chain_->deadline();
}

bool Flow::pump() {
  std::size_t moved = 0;
  bool more = false;
  while (flush() && reading_ && !source_ended_ && from_.readable && !connection_.ending()) {
    if (moved >= kTurn) {
      more = true;
      break;
    }
    const std::uint64_t before = received_;
    const Step step = !is_short_way() ? read_into_chain() : bulk_ ? move_through() : copy_through();
    moved += received_ - before;
    if (step == Step::stopped) break;
  }
  count_held();
  return more;
}

// One read and one write. What the destination does not take at once is kept, and nothing is read
// until it is gone.
Flow::Step Flow::copy_through() {
  const std::span<char> buffer = connection_.worker().buffer();
  const ssize_t got = ::recv(from_.fd, buffer.data(), buffer.size(), 0);
  if (got < 0) return failed_read(errno);
  if (got == 0) {
    source_ended(from_.dead);
    return Step::moved;
  }
  count_read(got);
  if (static_cast<std::size_t>(got) == buffer.size()) {
    bulk_ = ++full_reads_ >= kFullReads;
    if (bulk_ && !std::exchange(was_bulk_, true)) keep_in_cache(from_.fd);
  } else {
    full_reads_ = 0;
    // Less than was asked for: there is no more, and the next byte will be told (epoll(7)).
    if (!from_.hung_up) from_.readable = false;
  }
  const ssize_t sent = ::send(to_.fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    lose_destination();
    return Step::moved;
  }
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  count_written(static_cast<ssize_t>(taken));
  if (taken < static_cast<std::size_t>(got)) {
    to_.writable = false;
    queued_ += static_cast<std::size_t>(got) - taken;
    queue_.push_back(
        ByteSlice::copy_of({buffer.data() + taken, static_cast<std::size_t>(got) - taken}));
  }
  return Step::moved;
}

// From socket to socket through a pipe: pages change hands, bytes are not copied.
Flow::Step Flow::move_through() {
  if (!pipe_) pipe_ = connection_.worker().pipes().take();
  if (!pipe_) {
    bulk_ = false;
    return Step::moved;
  }
  const ssize_t got = ::splice(from_.fd, nullptr, pipe_->write_fd, nullptr, PipePool::kPipeBytes,
                               SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  const int code = errno;
  if (got <= 0) {
    connection_.worker().pipes().put_back(*pipe_);
    pipe_.reset();
    if (got < 0) return failed_read(code);
    source_ended(from_.dead);
    return Step::moved;
  }
  count_read(got);
  in_pipe_ = static_cast<std::size_t>(got);
  if (got < kFewBytes) {
    bulk_ = false;
    full_reads_ = 0;
  }
  return Step::moved;
}

Flow::Step Flow::read_into_chain() {
  const std::size_t most = room();
  if (most == 0) return Step::stopped;
  const std::span<char> whole = connection_.worker().buffer();
  const std::span<char> buffer = whole.first(std::min(most, whole.size()));
  const ssize_t got = ::recv(from_.fd, buffer.data(), buffer.size(), 0);
  if (got < 0) return failed_read(errno);
  if (got == 0) {
    source_ended(from_.dead);
    return Step::moved;
  }
  count_read(got);
  if (static_cast<std::size_t>(got) < buffer.size() && !from_.hung_up) from_.readable = false;
  now_ = connection_.worker().state().clock.now();
  chain_->push({ByteSlice::copy_of({buffer.data(), static_cast<std::size_t>(got)}), now_}, now_);
  return Step::moved;
}

// How much may be read now.
std::size_t Flow::room() {
  if (!chain_->accepts()) return 0;
  count_held();
  const std::size_t held = counted_;
  const std::size_t window = connection_.worker().state().limits.window;
  if (held >= window) return 0;
  if (connection_.worker().state().full()) {
    connection_.worker().starve(connection_);
    return 0;
  }
  // So that what is read fits with its overhead.
  return window - held <= kChunkOverhead ? 0 : window - held - kChunkOverhead;
}

Flow::Step Flow::failed_read(int code) {
  if (code == EAGAIN) from_.readable = false;
  if (code != EAGAIN && code != EINTR) source_ended(true);
  return code == EAGAIN ? Step::stopped : Step::moved;
}

void Flow::source_ended(bool was_reset) {
  source_ended_ = true;
  from_.readable = false;
  reset_after_ = was_reset;
  connection_.note_end(stream_, was_reset);
  if (is_short_way()) {
    end_waits_ = true;
    return;
  }
  now_ = connection_.worker().state().clock.now();
  chain_->end(now_);
}

void Flow::chunk(Chunk chunk) {
  counters_.delayed(now_ - chunk.arrived);
  queued_ += chunk.bytes.size();
  queue_.push_back(std::move(chunk.bytes));
}

void Flow::close() {
  connection_.ask_close(stream_);
}

void Flow::reset() {
  connection_.ask_reset(stream_);
}

// True when nothing waits any more. Each chunk is a write of its own: what a slicer cut must not
// grow together again.
bool Flow::flush() {
  if (finished_) return true;
  if (!flush_pipe()) return false;
  while (first_queued_ < queue_.size()) {
    if (!to_.writable) return false;
    ByteSlice& slice = queue_[first_queued_];
    const ssize_t sent = ::send(to_.fd, slice.data(), slice.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return failed_write(errno);
    }
    count_written(sent);
    queued_ -= static_cast<std::size_t>(sent);
    slice.take_front(static_cast<std::size_t>(sent));
    if (slice.empty()) ++first_queued_;
  }
  if (first_queued_ > 0) {
    queue_.clear();
    first_queued_ = 0;
  }
  if (!end_waits_) return true;
  finished_ = true;
  if (reset_after_) {
    connection_.ask_reset(stream_);
  } else {
    ::shutdown(to_.fd, SHUT_WR);
  }
  return true;
}

bool Flow::flush_pipe() {
  while (in_pipe_ > 0) {
    if (!to_.writable) return false;
    const ssize_t sent = ::splice(pipe_->read_fd, nullptr, to_.fd, nullptr, in_pipe_,
                                  SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return failed_write(errno);
    }
    count_written(sent);
    in_pipe_ -= static_cast<std::size_t>(sent);
  }
  if (pipe_) {
    connection_.worker().pipes().put_back(*pipe_);
    pipe_.reset();
  }
  return true;
}

// What flush() says then: whether nothing waits any more.
bool Flow::failed_write(int code) {
  to_.writable = false;
  if (code == EAGAIN) return false;
  lose_destination();
  return true;
}

// The destination is gone. What its peer sent before may still be read, by the other direction,
// up to the reset.
void Flow::lose_destination() {
  to_.dead = true;
  to_.readable = true;
  to_.hung_up = true;
  lost_destination_ = true;
  finished_ = true;
  reading_ = false;
  drop_waiting();
}

void Flow::drop_waiting() {
  if (pipe_) PipePool::close(*pipe_);
  pipe_.reset();
  in_pipe_ = 0;
  queue_.clear();
  first_queued_ = 0;
  queued_ = 0;
}

void Flow::count_read(ssize_t bytes) {
  received_ += static_cast<std::uint64_t>(bytes);
  counters_.received.add(static_cast<std::uint64_t>(bytes));
}

void Flow::count_written(ssize_t bytes) {
  sent_ += static_cast<std::uint64_t>(bytes);
  counters_.sent.add(static_cast<std::uint64_t>(bytes));
}

std::size_t Flow::held_here() const {
  const std::size_t chunks = (chain_ ? chain_->chunks() : 0) + queue_.size() - first_queued_;
  return (chain_ ? chain_->held() : 0) + waiting() + chunks * kChunkOverhead;
}

void Flow::count_held() {
  const std::size_t held = held_here();
  if (held == counted_) return;
  connection_.worker().state().buffered.fetch_add(
      static_cast<std::int64_t>(held) - static_cast<std::int64_t>(counted_),
      std::memory_order_relaxed);
  counted_ = held;
}

}  // namespace stormlog::proxy
