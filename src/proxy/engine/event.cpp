#include "proxy/engine/event.hpp"

namespace stormlog::proxy {

std::string_view to_string(ConnectionEvent::Kind kind) {
  switch (kind) {
    case ConnectionEvent::Kind::connect:
      return "connect";
    case ConnectionEvent::Kind::close:
      return "close";
    case ConnectionEvent::Kind::toxic_on:
      return "toxic_on";
    case ConnectionEvent::Kind::toxic_off:
      return "toxic_off";
  }
  return "connect";
}

}  // namespace stormlog::proxy
