#pragma once

#include <span>
#include <string_view>

#include "common/base/result.hpp"

namespace stormlog::postgres {
class Connection;
}

namespace stormlog::pipeline {

// One numbered file of schemas/sql, part of the program since it was built.
struct Migration {
  int version;
  std::string_view name;  // "0001_logs"
  std::string_view sql;
};

// In the order of their numbers.
std::span<const Migration> migrations();

// Applies what is missing, each in a transaction of its own, recorded in schema_migrations, under
// an advisory lock: any number of programs may call it at once. A database that is further than
// this program is left as it is.
//
// Errors: as of the connection; permanent when an applied one was called otherwise in its time.
Result<void> migrate(postgres::Connection& connection, std::span<const Migration> all);

}  // namespace stormlog::pipeline
