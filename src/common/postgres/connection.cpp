#include "common/postgres/connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace stormlog::postgres {
namespace {

constexpr std::size_t kMaxDetail = 300;

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string result_message(const PGresult* result) {
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (primary == nullptr) return one_line(PQresultErrorMessage(result));
  std::string message = one_line(primary);
  if (const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL)) {
    message += ": " + one_line(detail).substr(0, kMaxDetail);
  }
  return message;
}

Error result_error(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return make_error("PostgreSQL: " + result_message(result),
                    state == nullptr ? kConnectionLost : std::string_view(state));
}

int poll_ms(std::optional<MonotonicTime> deadline) {
  if (!deadline) return -1;
  const auto left = *deadline - std::chrono::steady_clock::now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<std::int64_t>(ms, 0, 1'000'000'000));
}

// The values in the shape that libpq wants.
struct Arguments {
  explicit Arguments(const Params& params) {
    for (const Param& param : params) {
      types.push_back(param.type);
      values.push_back(param.null ? nullptr : param.value.c_str());
      lengths.push_back(static_cast<int>(param.value.size()));
      formats.push_back(param.binary ? 1 : 0);
    }
  }
  int size() const { return static_cast<int>(values.size()); }

  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
};

bool has_nul(const Params& params) {
  return std::any_of(params.begin(), params.end(), [](const Param& param) {
    return !param.binary && param.value.find('\0') != std::string::npos;
  });
}

void ignore_notice(void*, const char*) {}

}  // namespace

void Rows::Clear::operator()(pg_result* result) const {
  PQclear(result);
}
Rows::Rows(pg_result* result) : result_(result) {}
int Rows::size() const {
  return result_ ? PQntuples(result_.get()) : 0;
}
int Rows::columns() const {
  return result_ ? PQnfields(result_.get()) : 0;
}
std::string_view Rows::column_name(int column) const {
  const char* name = result_ ? PQfname(result_.get(), column) : nullptr;
  return name == nullptr ? std::string_view() : name;
}
bool Rows::null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}
std::string_view Rows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}
std::int64_t Rows::integer(int row, int column) const {
  const std::string_view value = text(row, column);
  std::int64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}
std::int64_t Rows::affected() const {
  const std::string_view count = result_ ? PQcmdTuples(result_.get()) : "";
  std::int64_t number = 0;
  std::from_chars(count.data(), count.data() + count.size(), number);
  return number;
}
std::string_view Rows::tag() const {
  return result_ ? PQcmdStatus(result_.get()) : "";
}

void Connection::Finish::operator()(pg_conn* connection) const {
  PQfinish(connection);
}

Result<Connection> Connection::connect(const ConnectOptions& options) {
  char* why = nullptr;
  PQconninfoOption* parsed = PQconninfoParse(options.conninfo.c_str(), &why);
  if (parsed == nullptr) {
    const std::string reason = why == nullptr ? "out of memory" : one_line(why);
    PQfreemem(why);
    return Error::permanent("connection to PostgreSQL: " + reason +
                            R"(; write it like "host=127.0.0.1 port=5432 dbname=x user=y")");
  }
  PQconninfoFree(parsed);

  const std::string user_timeout = std::to_string(
      std::max<std::int64_t>(options.answer_timeout.count(), options.connect_timeout.count()));
  // A later word wins: the conninfo (as dbname) over our defaults, the encoding over all.
  const char* words[] = {"fallback_application_name",
                         "keepalives",
                         "keepalives_idle",
                         "keepalives_interval",
                         "keepalives_count",
                         "tcp_user_timeout",
                         "dbname",
                         "client_encoding",
                         nullptr};
  const char* values[] = {
      options.application_name.c_str(), "1",    "10",   "3", "3", user_timeout.c_str(),
      options.conninfo.c_str(),         "UTF8", nullptr};
  Connection connection(PQconnectStartParams(words, values, 1));
  if (!connection.connection_) return Error::retriable("PostgreSQL: out of memory");
  PQsetNoticeProcessor(connection.connection_.get(), ignore_notice, nullptr);
  const MonotonicTime deadline = std::chrono::steady_clock::now() + options.connect_timeout;
  if (Result<void> up = connection.finish_connecting(deadline); !up) return up.error();
  connection.answer_timeout_ = options.connect_timeout;
  if (options.statement_timeout.count() > 0) {
    const auto limit = std::to_string(options.statement_timeout.count());
    Result<Rows> set =
        connection.query("SELECT set_config('statement_timeout', $1, false)", {limit});
    if (!set) return set.error();
  }
  connection.answer_timeout_ = options.answer_timeout;
  return connection;
}

Result<void> Connection::finish_connecting(MonotonicTime deadline) {
  PGconn* connection = connection_.get();
  // Until the first poll libpq wants the socket writable.
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (PQstatus(connection) != CONNECTION_BAD && status != PGRES_POLLING_OK &&
         status != PGRES_POLLING_FAILED) {
    const short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (Result<void> ready = wait(events, deadline); !ready) {
      return make_error("PostgreSQL: no connection within the time limit", kCannotConnect);
    }
    status = PQconnectPoll(connection);
  }
  if (PQstatus(connection) == CONNECTION_OK && status == PGRES_POLLING_OK) {
    PQsetnonblocking(connection, 1);
    return {};
  }
  const std::string message = one_line(PQerrorMessage(connection));
  // libpq gives no SQLSTATE for a failed start; what the server said is in the message.
  const bool refused = message.find("authentication failed") != std::string::npos ||
                       message.find("no pg_hba.conf entry") != std::string::npos;
  const bool missing = message.find("does not exist") != std::string::npos;
  return make_error("PostgreSQL: " + message, refused   ? std::string_view("28000")
                                              : missing ? std::string_view("3D000")
                                                        : kCannotConnect);
}

std::optional<MonotonicTime> Connection::deadline() const {
  if (answer_timeout_.count() == 0) return std::nullopt;
  return std::chrono::steady_clock::now() + answer_timeout_;
}

Error Connection::lost(std::string_view sqlstate, const std::string& what) {
  broken_ = true;
  return make_error("PostgreSQL: " + what, sqlstate);
}

Result<void> Connection::wait(short events, std::optional<MonotonicTime> deadline) {
  for (;;) {
    pollfd socket{PQsocket(connection_.get()), events, 0};
    const int ready = ::poll(&socket, 1, poll_ms(deadline));
    if (ready > 0) return {};
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return lost(kConnectionLost, std::string("poll: ") + std::strerror(errno));
    return lost(kNoAnswer, "no answer within the time limit");
  }
}

Result<void> Connection::flush(std::optional<MonotonicTime> deadline) {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    // On a write error the server's reason may be there to read: collect() finds it.
    if (left < 0) return {};
    if (Result<void> ready = wait(POLLIN | POLLOUT, deadline); !ready) return ready;
    if (PQconsumeInput(connection_.get()) != 1) return {};
  }
}

Result<void> Connection::send(const std::string* name, const std::string& sql,
                              const Params& params) {
  if (!usable()) return make_error("PostgreSQL: the connection is closed", kConnectionLost);
  if (has_nul(params)) {
    return make_error("PostgreSQL: text must not hold a NUL character", "22021");
  }
  const Arguments arguments(params);
  const int sent = name != nullptr
                       ? PQsendQueryPrepared(connection_.get(), name->c_str(), arguments.size(),
                                             arguments.values.data(), arguments.lengths.data(),
                                             arguments.formats.data(), 0)
                       : PQsendQueryParams(connection_.get(), sql.c_str(), arguments.size(),
                                           arguments.types.data(), arguments.values.data(),
                                           arguments.lengths.data(), arguments.formats.data(), 0);
  if (sent != 1) return lost(kConnectionLost, one_line(PQerrorMessage(connection_.get())));
  return {};
}

Result<Rows> Connection::collect() {
  const std::optional<MonotonicTime> limit = deadline();
  if (Result<void> flushed = flush(limit); !flushed) return flushed.error();
  Rows answer;
  std::optional<Error> failed;
  for (;;) {
    while (PQisBusy(connection_.get()) != 0) {
      if (Result<void> ready = wait(POLLIN, limit); !ready) return ready.error();
      if (PQconsumeInput(connection_.get()) != 1) break;
    }
    PGresult* result = PQgetResult(connection_.get());
    if (result == nullptr) break;
    Rows rows(result);
    switch (PQresultStatus(result)) {
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
      case PGRES_EMPTY_QUERY:
        answer = std::move(rows);
        break;
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        // It would wait for data that nobody sends.
        broken_ = true;
        return make_error("PostgreSQL: COPY to or from the client is not possible here", "0A000");
      default:
        if (!failed) failed = result_error(result);
    }
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) broken_ = true;
  if (failed) return *failed;
  return answer;
}

Result<Rows> Connection::query(const std::string& sql, const Params& params) {
  if (Result<void> sent = send(nullptr, sql, params); !sent) return sent.error();
  return collect();
}

Result<void> Connection::script(const std::string& sql) {
  if (!usable()) return make_error("PostgreSQL: the connection is closed", kConnectionLost);
  if (PQsendQuery(connection_.get(), sql.c_str()) != 1) {
    return lost(kConnectionLost, one_line(PQerrorMessage(connection_.get())));
  }
  Result<Rows> answer = collect();
  if (!answer) return answer.error();
  return {};
}

Result<void> Connection::prepare(const std::string& name, const std::string& sql,
                                 const std::vector<unsigned>& types) {
  if (!usable()) return make_error("PostgreSQL: the connection is closed", kConnectionLost);
  if (PQsendPrepare(connection_.get(), name.c_str(), sql.c_str(), static_cast<int>(types.size()),
                    types.data()) != 1) {
    return lost(kConnectionLost, one_line(PQerrorMessage(connection_.get())));
  }
  Result<Rows> answer = collect();
  if (!answer) return answer.error();
  return {};
}

Result<Rows> Connection::query_prepared(const std::string& name, const Params& params) {
  if (Result<void> sent = send(&name, "", params); !sent) return sent.error();
  return collect();
}

// The first answer to what was sent.
Result<Rows> Connection::next_result(std::optional<MonotonicTime> limit) {
  if (Result<void> flushed = flush(limit); !flushed) return flushed.error();
  while (PQisBusy(connection_.get()) != 0) {
    if (Result<void> ready = wait(POLLIN, limit); !ready) return ready.error();
    if (PQconsumeInput(connection_.get()) != 1) break;
  }
  PGresult* result = PQgetResult(connection_.get());
  if (result == nullptr) return lost(kConnectionLost, one_line(PQerrorMessage(connection_.get())));
  Rows rows(result);
  if (PQresultStatus(result) == PGRES_COPY_IN) return rows;
  const Error error = PQresultStatus(result) == PGRES_FATAL_ERROR
                          ? result_error(result)
                          : make_error("PostgreSQL: not a COPY from the client", "42601");
  (void)collect();
  return error;
}

Result<Rows> Connection::copy_in(const std::string& sql, std::string_view data) {
  if (!usable()) return make_error("PostgreSQL: the connection is closed", kConnectionLost);
  if (PQsendQuery(connection_.get(), sql.c_str()) != 1) {
    return lost(kConnectionLost, one_line(PQerrorMessage(connection_.get())));
  }
  const Result<Rows> ready = next_result(deadline());
  if (!ready) return ready.error();
  // In pieces, each sent before the next: libpq would keep a copy of it all.
  constexpr std::size_t kPiece = 256 * 1024;
  for (std::size_t at = 0; at < data.size();) {
    const std::string_view piece = data.substr(at, kPiece);
    const int put = PQputCopyData(connection_.get(), piece.data(), static_cast<int>(piece.size()));
    if (put < 0) break;  // collect() finds the reason
    if (put > 0) at += piece.size();
    if (Result<void> flushed = flush(deadline()); !flushed) return flushed.error();
  }
  (void)PQputCopyEnd(connection_.get(), nullptr);
  return collect();
}

Result<void> Connection::stream(const std::string& sql, const Params& params,
                                const std::function<bool(const Rows&)>& on_row) {
  if (Result<void> sent = send(nullptr, sql, params); !sent) return sent.error();
  PQsetSingleRowMode(connection_.get());
  if (Result<void> flushed = flush(deadline()); !flushed) return flushed.error();
  std::optional<Error> failed;
  bool wanted = true;
  for (;;) {
    while (PQisBusy(connection_.get()) != 0) {
      if (Result<void> ready = wait(POLLIN, deadline()); !ready) return ready.error();
      if (PQconsumeInput(connection_.get()) != 1) break;
    }
    PGresult* result = PQgetResult(connection_.get());
    if (result == nullptr) break;
    const Rows row(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_SINGLE_TUPLE) {
      if (wanted && !on_row(row)) {
        wanted = false;
        char why[256];
        if (PGcancel* cancel = PQgetCancel(connection_.get())) {
          PQcancel(cancel, why, sizeof why);
          PQfreeCancel(cancel);
        }
      }
    } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      broken_ = true;
      return make_error("PostgreSQL: COPY to or from the client is not possible here", "0A000");
    } else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
               status != PGRES_EMPTY_QUERY && !failed) {
      failed = result_error(result);
    }
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) broken_ = true;
  if (failed && (wanted || broken_)) return *failed;
  return {};
}

bool Connection::usable() const {
  return connection_ != nullptr && !broken_ && PQstatus(connection_.get()) == CONNECTION_OK;
}

bool Connection::still_open() {
  while (usable()) {
    pollfd socket{PQsocket(connection_.get()), POLLIN, 0};
    if (::poll(&socket, 1, 0) == 0) return true;
    // A notice, or why the server ends it; the end itself comes behind that.
    if (PQconsumeInput(connection_.get()) == 0) broken_ = true;
  }
  return false;
}

int Connection::server_version() const {
  return PQserverVersion(connection_.get());
}

Result<Transaction> Transaction::begin(Connection& connection, const std::string& mode) {
  Result<Rows> begun = connection.query(mode.empty() ? "BEGIN" : "BEGIN " + mode);
  if (!begun) return begun.error();
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  rollback();
}

Result<void> Transaction::commit() {
  Connection* connection = std::exchange(connection_, nullptr);
  Result<Rows> done = connection->query("COMMIT");
  if (!done) return done.error();
  if (done->tag() != "COMMIT") {
    return make_error("PostgreSQL: rolled back, because a statement before had failed", "25P02");
  }
  return {};
}

void Transaction::rollback() {
  if (connection_ == nullptr) return;
  Connection* connection = std::exchange(connection_, nullptr);
  if (connection->usable()) (void)connection->query("ROLLBACK");
}

}  // namespace stormlog::postgres
