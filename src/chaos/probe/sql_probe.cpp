// The first value of a query, over a read-only transaction of its own connection.

#include "chaos/probe/probe.hpp"
#include "common/base/units.hpp"
#include "common/postgres/connection.hpp"

namespace stormlog::chaos {
namespace {

using document::ParamType;

class SqlProbe final : public Probe {
 public:
  SqlProbe(postgres::ConnectOptions options, std::string query)
      : options_(std::move(options)), query_(std::move(query)) {}

  ProbeResult measure() override {
    if (!connection_ || !connection_->usable()) {
      auto connected = postgres::Connection::connect(options_);
      if (!connected.ok()) return ProbeResult::none(connected.error().message);
      connection_ = std::make_unique<postgres::Connection>(std::move(*connected));
    }
    const auto transaction = postgres::Transaction::begin(*connection_, "READ ONLY");
    if (!transaction.ok()) return ProbeResult::none(transaction.error().message);
    const auto rows = connection_->query(query_);
    if (!rows.ok()) return ProbeResult::none(rows.error().message);
    if (rows->size() == 0 || rows->columns() == 0 || rows->null(0, 0)) {
      return ProbeResult::none("the query gives no value");
    }
    const std::string text(rows->text(0, 0));
    nlohmann::ordered_json value = text;
    if (const auto number = units::parse_double(text); number.ok()) value = *number;
    if (text == "t" || text == "f") value = text == "t";
    return ProbeResult::of({{"value", value}, {"rows", rows->size()}});
  }

 private:
  postgres::ConnectOptions options_;
  std::string query_;
  std::unique_ptr<postgres::Connection> connection_;
};

Result<std::unique_ptr<Probe>> make(const Stack&, const document::Params& params) {
  postgres::ConnectOptions options;
  options.conninfo = params.text("connection");
  options.application_name = "stormlog probe";
  options.connect_timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(params.duration("timeout"));
  options.answer_timeout = options.connect_timeout;
  return std::unique_ptr<Probe>(
      std::make_unique<SqlProbe>(std::move(options), params.text("query")));
}

}  // namespace

extern const ProbeKind kSqlProbe;
const ProbeKind kSqlProbe = {
    .name = "sql",
    .summary = "The first value of a query's first row, as value; rows is their number.",
    .params =
        {
            {.name = "connection", .required = true, .description = "libpq conninfo or URI."},
            {.name = "query", .required = true, .description = "Read-only SQL."},
            {.name = "timeout",
             .type = ParamType::duration,
             .default_text = "2s",
             .description = "No answer within this is no data.",
             .min = 0.001},
        },
    .default_expect = "",
    .make = make,
};

}  // namespace stormlog::chaos
