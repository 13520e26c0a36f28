#pragma once

#include "pipeline/gateway/upstream.hpp"

namespace stormlog::pipeline {

// One connection and what it is doing. Private to this folder's upstream*.cpp.
struct Upstream::Slot {
  explicit Slot(const asio::any_io_executor& executor) : connection(executor) {}

  http::ClientConnection connection;
  bool idle = false;  // watches the connection; may be woken
  bool busy = false;  // a batch is under way
  MonotonicTime since{};
};

}  // namespace stormlog::pipeline
