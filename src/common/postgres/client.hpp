#pragma once

#include <memory>
#include <utility>

#include "common/base/result.hpp"
#include "common/postgres/connection.hpp"

namespace stormlog::postgres {

// A Connection that is made when it is needed, and anew after it was lost or the server ended it.
//
// Threads:  caller synchronises.
// Blocking: for connecting, see Connection::connect().
class Client {
 public:
  explicit Client(ConnectOptions options) : options_(std::move(options)) {}

  // Open, as far as is known here, or the reason why not. Lives until the next call.
  Result<Connection*> connection();

 private:
  ConnectOptions options_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace stormlog::postgres
