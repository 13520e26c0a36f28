#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"
#include "common/postgres/param.hpp"
#include "common/postgres/sqlstate.hpp"

struct pg_conn;
struct pg_result;

namespace stormlog::postgres {

struct ConnectOptions {
  // libpq's words or URI: "host=127.0.0.1 port=5432 dbname=logs user=logs". What it says wins over
  // the defaults here.
  std::string conninfo;
  std::string application_name = "stormlog";
  std::chrono::milliseconds connect_timeout{3'000};
  // The client's limit on one answer; beyond it the connection is given up. Needed besides the
  // server's own limit: a stopped server or a cut network says nothing. 0 = none.
  std::chrono::milliseconds answer_timeout{10'000};
  // The server's limit on one statement. 0 = the server's default.
  std::chrono::milliseconds statement_timeout{0};
};

// The rows of an answer, all of them or one when streaming.
//
// Lifetime: views live as long as the Rows.
class Rows {
 public:
  Rows() = default;
  explicit Rows(pg_result* result);

  int size() const;
  int columns() const;
  std::string_view column_name(int column) const;
  bool null(int row, int column) const;
  // "" for NULL; ask null() where that matters.
  std::string_view text(int row, int column) const;
  // 0 for NULL and for what is no number.
  std::int64_t integer(int row, int column) const;
  // Rows inserted, updated or deleted.
  std::int64_t affected() const;
  // "INSERT 0 3".
  std::string_view tag() const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

// One connection to PostgreSQL, blocking with limits, without a thread of its own.
//
// Threads:  caller synchronises.
// Blocking: connect() at most `connect_timeout`, apart from the look-up of a host name; each
//           statement at most `answer_timeout`.
// Errors:   `code` is an SQLSTATE, see sqlstate.hpp. After a lost connection usable() is false and
//           the outcome of the statement is unknown; connect anew. Text with a NUL is refused
//           before it is sent (22021): libpq would cut it there. A conninfo that cannot be parsed
//           is permanent.
class Connection {
 public:
  static Result<Connection> connect(const ConnectOptions& options);
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) noexcept = default;

  // One statement with its values.
  Result<Rows> query(const std::string& sql, const Params& params = {});
  // Several statements, separated by semicolons, in one implicit transaction.
  Result<void> script(const std::string& sql);

  // Prepared statements live as long as the connection. `types` are OIDs, 0 where the server shall
  // find out.
  Result<void> prepare(const std::string& name, const std::string& sql,
                       const std::vector<unsigned>& types = {});
  Result<Rows> query_prepared(const std::string& name, const Params& params);

  // COPY … FROM STDIN with these data; the answer tells how many rows. After an error that the
  // server told, the connection stays good.
  Result<Rows> copy_in(const std::string& sql, std::string_view data);

  // Calls `on_row` for each row as it arrives, without holding them all; the Rows it gets has one.
  // Return false to stop: the statement is cancelled. The limit is on the silence between rows.
  Result<void> stream(const std::string& sql, const Params& params,
                      const std::function<bool(const Rows&)>& on_row);

  bool usable() const;
  // Between two statements: usable(), and the server has not ended it meanwhile, as far as is known
  // here. Asks the socket only. One that is kept for later is asked before it is used again, so
  // that a restart of the server in the time between is no error.
  bool still_open();
  int server_version() const;  // 150004
  std::chrono::milliseconds answer_timeout() const { return answer_timeout_; }
  void set_answer_timeout(std::chrono::milliseconds limit) { answer_timeout_ = limit; }

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };
  explicit Connection(pg_conn* connection) : connection_(connection) {}

  Result<void> finish_connecting(MonotonicTime deadline);
  std::optional<MonotonicTime> deadline() const;
  Result<void> wait(short events, std::optional<MonotonicTime> deadline);
  Result<void> flush(std::optional<MonotonicTime> deadline);
  Result<void> send(const std::string* name, const std::string& sql, const Params& params);
  Result<Rows> collect();
  Result<Rows> next_result(std::optional<MonotonicTime> deadline);
  Error lost(std::string_view sqlstate, const std::string& what);

  std::unique_ptr<pg_conn, Finish> connection_;
  std::chrono::milliseconds answer_timeout_{0};
  bool broken_ = false;
};

// BEGIN … COMMIT; rolls back in its destructor unless committed.
//
// Lifetime: the connection must outlive it.
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection, const std::string& mode = "");
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // On an outage the outcome is unknown. An error is also returned where an earlier statement had
  // failed, for which the server answers COMMIT with ROLLBACK.
  Result<void> commit();
  void rollback();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

}  // namespace stormlog::postgres
