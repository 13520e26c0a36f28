#include <libpq-fe.h>
#include <poll.h>

#include <cerrno>
#include <cstring>

#include "chaos/ledger/json_fields.hpp"
#include "chaos/ledger/run_mark.hpp"
#include "chaos/ledger/sinks.hpp"

// Streams the rows of one query, in the query's order. Never changes anything: the transaction is
// read-only, and it sees one moment of the tables.
namespace stormlog::chaos {
namespace {

constexpr const char* kConnectTimeoutSeconds = "10";
// Between two rows, and until the first one of a query that has to sort.
constexpr int kSilentMs = 120'000;

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
using Rows = std::unique_ptr<PGresult, Clear>;

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

Error query_error(PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string code = state == nullptr ? "" : state;
  const std::string message = "query: " + one_line(PQresultErrorMessage(result));
  // Class 42: the query itself is wrong.
  return code.starts_with("42") ? Error::permanent(message, code) : Error::retriable(message, code);
}

// Waits until PQgetResult() would not block.
Result<void> wait_for_result(PGconn* connection) {
  while (PQisBusy(connection) != 0) {
    pollfd readable{PQsocket(connection), POLLIN, 0};
    const int ready = ::poll(&readable, 1, kSilentMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return Error::retriable(std::string("poll: ") + std::strerror(errno));
    if (ready == 0) return Error::retriable("PostgreSQL said nothing for 120 s");
    if (PQconsumeInput(connection) != 1) {
      return Error::retriable(one_line(PQerrorMessage(connection)));
    }
  }
  return {};
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

    const char* keywords[] = {"connect_timeout", "fallback_application_name", "dbname", nullptr};
    const char* values[] = {kConnectTimeoutSeconds, "stormlog verify", spec_.connection.c_str(),
                            nullptr};
    const Connection connection(PQconnectdbParams(keywords, values, 1));
    if (PQstatus(connection.get()) != CONNECTION_OK) {
      return Error::retriable(one_line(PQerrorMessage(connection.get())));
    }
    const Rows begun(PQexec(connection.get(), "BEGIN TRANSACTION READ ONLY"));
    if (PQresultStatus(begun.get()) != PGRES_COMMAND_OK) return query_error(begun.get());
    const std::string query = with_run(spec_.query, run.run);
    if (PQsendQuery(connection.get(), query.c_str()) != 1) {
      return Error::retriable(one_line(PQerrorMessage(connection.get())));
    }
    PQsetSingleRowMode(connection.get());
    return stream(connection.get(), on_event);
  }

 private:
  static Result<void> stream(PGconn* connection, const std::function<void(SinkEvent&&)>& on_event) {
    bool selected = false;
    for (;;) {
      if (Result<void> ready = wait_for_result(connection); !ready) return ready;
      const Rows rows(PQgetResult(connection));
      if (!rows) break;
      const ExecStatusType status = PQresultStatus(rows.get());
      if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK) {
        if (status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) continue;
        return query_error(rows.get());
      }
      selected = true;
      const int columns = PQnfields(rows.get());
      if (columns < 1 || columns > 3) {
        return Error::permanent("query: it selects " + std::to_string(columns) +
                                " columns; it must select the id, then perhaps the key, then "
                                "perhaps the sequence number");
      }
      for (int row = 0; row < PQntuples(rows.get()); ++row) take(rows.get(), row, on_event);
    }
    if (!selected) return Error::permanent("query: it selects nothing");
    return {};
  }

  static void take(const PGresult* rows, int row,
                   const std::function<void(SinkEvent&&)>& on_event) {
    const auto column = [&](int index) -> std::string {
      if (index >= PQnfields(rows) || PQgetisnull(rows, row, index) != 0) return {};
      return {PQgetvalue(rows, row, index),
              static_cast<std::size_t>(PQgetlength(rows, row, index))};
    };
    SinkEvent event;
    event.id = column(0);
    event.key = column(1);
    event.seq = parse_seq(column(2));
    on_event(std::move(event));
  }

  SinkSpec spec_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_sql_sink(const SinkSpec& spec) {
  return std::unique_ptr<Sink>(std::make_unique<SqlSink>(spec));
}

}  // namespace stormlog::chaos
