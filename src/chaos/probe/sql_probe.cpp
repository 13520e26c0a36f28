// The first value of a query's answer. It runs in a read-only transaction: a probe never changes
// anything, whatever its query says.

#include <algorithm>
#include <cmath>

#include "chaos/probe/probe.hpp"
#include "common/base/units.hpp"
#include "common/postgres/connection.hpp"

namespace stormlog::chaos {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLeast{10};

// Numbers and booleans as such, so that {max: 5} and {equals: true} can judge them; all else as
// PostgreSQL writes it.
nlohmann::ordered_json value_of(std::string_view text) {
  if (text == "t" || text == "f") return text == "t";
  if (const auto number = units::parse_double(text); number.ok() && std::isfinite(*number)) {
    return *number;
  }
  return std::string(text);
}

class SqlProbe final : public Probe {
 public:
  SqlProbe(const std::string& conninfo, std::string query, milliseconds timeout)
      : query_(std::move(query)), timeout_(timeout) {
    options_.conninfo = conninfo;
    options_.application_name = "stormlog probe";
  }

  // The connection is kept: a probe that asks each second must not be a load of its own.
  ProbeResult measure() override {
    const MonotonicTime deadline = SystemClock::instance().now() + timeout_;
    const bool kept = connection_ != nullptr;
    ProbeResult result = ask(deadline);
    // A kept connection may have ended with a restart of the server since the last look.
    if (!result.has_data && kept && !connection_ && left(deadline) > kLeast) {
      result = ask(deadline);
    }
    return result;
  }

 private:
  static milliseconds left(MonotonicTime deadline) {
    return std::chrono::duration_cast<milliseconds>(deadline - SystemClock::instance().now());
  }

  ProbeResult ask(MonotonicTime deadline) {
    if (!connection_) {
      options_.connect_timeout = std::max(kLeast, left(deadline));
      auto made = postgres::Connection::connect(options_);
      if (!made.ok()) return ProbeResult::none(made.error().message);
      connection_ = std::make_unique<postgres::Connection>(std::move(*made));
    }
    // A connection that cannot begin or end a transaction has nothing to say to the next look.
    if (auto begun = run("BEGIN READ ONLY", deadline); !begun.ok()) {
      connection_.reset();
      return ProbeResult::none(begun.error().message);
    }
    const auto rows = run(query_, deadline);
    if (!connection_->usable() || !run("ROLLBACK", deadline).ok()) connection_.reset();
    if (!rows.ok()) return ProbeResult::none(rows.error().message);
    // max(…) of nothing is NULL: no data, and never a value that could hold.
    if (rows->size() == 0 || rows->columns() == 0 || rows->null(0, 0)) {
      return ProbeResult::none("the query gives no value");
    }
    return ProbeResult::of({{"value", value_of(rows->text(0, 0))}, {"rows", rows->size()}});
  }

  // One limit for all statements of a look: each gets what is left of it.
  Result<postgres::Rows> run(const std::string& sql, MonotonicTime deadline) {
    connection_->set_answer_timeout(std::max(kLeast, left(deadline)));
    return connection_->query(sql);
  }

  postgres::ConnectOptions options_;
  std::string query_;
  milliseconds timeout_;
  std::unique_ptr<postgres::Connection> connection_;
};

Result<std::unique_ptr<Probe>> make(const Stack&, const document::Params& params) {
  const auto timeout = std::chrono::duration_cast<milliseconds>(params.duration("timeout"));
  return std::unique_ptr<Probe>(
      std::make_unique<SqlProbe>(params.text("connection"), params.text("query"), timeout));
}

}  // namespace

extern const ProbeKind kSqlProbe;
const ProbeKind kSqlProbe = {
    .name = "sql",
    .summary = "The first value of a query's first row, as value; rows is their number.",
    .params =
        {
            {.name = "connection", .required = true, .description = "libpq conninfo or URI."},
            {.name = "query",
             .required = true,
             .description = "One statement; it runs in a read-only transaction."},
            timeout_param(),
        },
    .default_expect = "",
    .make = make,
};

}  // namespace stormlog::chaos
