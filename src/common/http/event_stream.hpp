#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace stormlog::http {

// Cuts a stream of bytes into server-sent events, however the bytes are split.
//
// Threads: caller synchronises.
// Source:  HTML Living Standard §9.2.6.
class EventStreamParser {
 public:
  // False as soon as a callback returned false; the rest is dropped then.
  bool feed(std::string_view bytes,
            const std::function<bool(std::string_view event, std::string_view data)>& on_event);

 private:
  bool line(std::string_view text,
            const std::function<bool(std::string_view, std::string_view)>& on_event);

  std::string pending_;
  std::string event_;
  std::string data_;
  bool has_data_ = false;
  bool after_cr_ = false;
};

}  // namespace stormlog::http
