#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "proxy/toxic/toxic.hpp"

namespace stormlog::proxy {

// What happened to a connection.
struct ConnectionEvent {
  enum class Kind {
    connect,    // accepted from a client
    close,      // over, for `reason`
    toxic_on,   // `toxic` acts on it from now on, in `stream`
    toxic_off,  // and no longer
  };
  Kind kind = Kind::connect;
  std::string_view proxy{};
  std::uint64_t connection = 0;  // counted from 1 in each proxy
  std::string client{};          // address
  std::string reason{};
  std::string toxic{};
  Stream stream = Stream::downstream;
  Nanoseconds lived{};
  std::uint64_t received = 0;  // bytes from the client
  std::uint64_t sent = 0;      // bytes to the client
};
std::string_view to_string(ConnectionEvent::Kind kind);

// Where the workers tell it.
//
// Threads: thread-safe; it must not block.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // False while nobody listens: an event is then not even made.
  virtual bool wanted() const = 0;
  virtual void publish(const ConnectionEvent& event) = 0;
};

}  // namespace stormlog::proxy
