#include "chaos/ledger/json_fields.hpp"
#include "chaos/ledger/run_mark.hpp"
#include "chaos/ledger/sinks.hpp"
#include "common/postgres/connection.hpp"

// Streams the rows of one query, in the query's order. Never changes anything: the transaction is
// read-only, and the query sees one moment of the tables.
namespace stormlog::chaos {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kConnectTimeout{10'000};
// Between two rows, and until the first one of a query that has to sort.
constexpr milliseconds kSilent{120'000};

Result<void> check_columns(int columns) {
  if (columns >= 1 && columns <= 3) return {};
  return Error::permanent("query: it selects " + std::to_string(columns) +
                          " columns; it must select the id, then perhaps the key, then perhaps "
                          "the sequence number");
}

class SqlSink final : public Sink {
 public:
  explicit SqlSink(const SinkSpec& spec) : spec_(spec) {}

  const SinkSpec& spec() const override { return spec_; }
  bool only_this_run() const override { return asks_for_run(spec_.query); }

  Result<void> read(const LedgerHeader& run,
                    const std::function<void(SinkEvent&&)>& on_event) override {
    // The mark stands inside a quoted literal of the query: nothing that could end it gets through.
    if (Result<void> usable = check_run_mark(run.run); !usable) return usable;

    postgres::ConnectOptions options;
    options.conninfo = spec_.connection;
    options.application_name = "stormlog verify";
    options.connect_timeout = kConnectTimeout;
    options.answer_timeout = kSilent;
    Result<postgres::Connection> connection = postgres::Connection::connect(options);
    if (!connection) return connection.error();
    const Result<postgres::Transaction> transaction =
        postgres::Transaction::begin(*connection, "READ ONLY");
    if (!transaction) return transaction.error();

    Result<void> shape;
    const Result<void> read =
        connection->stream(with_run(spec_.query, run.run), {}, [&](const postgres::Rows& rows) {
          shape = check_columns(rows.columns());
          if (shape.ok()) on_event(event_of(rows));
          return shape.ok();
        });
    if (!shape.ok() || !read.ok()) return shape.ok() ? read : shape;
    // Half a result must not pass for a whole one.
    if (!connection->usable()) return Error::retriable("the connection broke within the rows");
    return {};
  }

 private:
  static SinkEvent event_of(const postgres::Rows& rows) {
    const auto column = [&](int index) {
      return index < rows.columns() ? std::string(rows.text(0, index)) : std::string();
    };
    SinkEvent event;
    event.id = column(0);
    event.key = column(1);
    event.seq = parse_seq(column(2));
    return event;
  }

  SinkSpec spec_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_sql_sink(const SinkSpec& spec) {
  return std::unique_ptr<Sink>(std::make_unique<SqlSink>(spec));
}

}  // namespace stormlog::chaos
