#pragma once

#include <cstddef>
#include <optional>

#include "common/base/clock.hpp"
#include "proxy/toxic/attributes.hpp"
#include "proxy/toxic/byte_slice.hpp"

namespace stormlog::proxy {

// Bytes that were read from a connection together. `at` is when they came to the stage that holds
// them: a stage that delays sets it to the moment it passes them on, so that delays add up.
// `arrived` is when they were read, and stays.
struct Chunk {
  ByteSlice bytes;
  MonotonicTime at{};
  MonotonicTime arrived = at;
};

// Where a stage passes on what it lets through: the next stage of its chain, or the socket.
class Output {
 public:
  virtual ~Output() = default;
  virtual void chunk(Chunk chunk) = 0;
  // The source has ended (FIN). Nothing follows.
  virtual void end() = 0;
  // Closes the whole connection in both directions, once what was passed on before is written.
  virtual void close() = 0;
  // Resets both ends of the connection at once (RST); what is still on its way is dropped.
  virtual void reset() = 0;
};

// One toxic on one direction of one connection: a state machine over chunks and time. It never
// blocks and reads no clock; every call says what time it is.
//
// Calls come in this order: push() any number of times, then end() at most once; wake() whenever
// deadline() is due; update() and remove() at any time, remove() as the last, but for a stage that
// lingers. After close() or reset() of its output a stage is not called again.
//
// Threads: caller synchronises.
class Stage {
 public:
  virtual ~Stage() = default;

  virtual void push(Chunk chunk, MonotonicTime now, Output& out) = 0;
  virtual void end(MonotonicTime, Output& out) { out.end(); }

  // When it wants to be woken; none while only a push, an update or the end can change anything.
  virtual std::optional<MonotonicTime> deadline() const { return std::nullopt; }
  virtual void wake(MonotonicTime, Output&) {}

  // Takes new attributes at once, also for what it already holds.
  virtual void update(const Attributes& attributes, MonotonicTime now, Output& out) = 0;
  // Passes on everything that it holds, in order and at once.
  virtual void remove(MonotonicTime now, Output& out) = 0;
  // After remove(): whether it must stay for a while, to bring to an end what it began.
  virtual bool lingers() const { return false; }

  // Bytes it holds back; they count against the connection's
  // buffer.
  virtual std::size_t held() const { return 0; }
  // How many chunks these bytes are in; each costs memory of its own.
  virtual std::size_t chunks() const { return 0; }
  // False while more input would only queue up here; the source is then not read.
  virtual bool accepts() const { return true; }
};

}  // namespace stormlog::proxy
