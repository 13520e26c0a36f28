#include "common/postgres/client.hpp"

#include <utility>

namespace stormlog::postgres {

Result<Connection*> Client::connection() {
  if (connection_ && connection_->still_open()) return connection_.get();
  connection_.reset();
  Result<Connection> made = Connection::connect(options_);
  if (!made) return made.error();
  connection_ = std::make_unique<Connection>(std::move(*made));
  return connection_.get();
}

}  // namespace stormlog::postgres
