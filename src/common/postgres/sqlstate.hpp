#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace stormlog::postgres {

// What a failure says about the server and the data, and so what its caller should do.
enum class Failure {
  outage,    // the server is away, overloaded or broken: wait, then retry; counts against a breaker
  conflict,  // another transaction was in the way: retry the transaction at once
  data,      // these values can never be stored: the same rows will fail again
  refused,   // a mistake in the statement, the schema or the permissions
};

// SQLSTATEs of failures that the client sees before the server can tell one.
inline constexpr std::string_view kCannotConnect = "08001";
inline constexpr std::string_view kConnectionLost = "08006";
// The client's own limit on an answer passed; the connection is gone and the outcome is unknown.
inline constexpr std::string_view kNoAnswer = "08S01";

// By SQLSTATE. An empty or unknown one is an outage: retrying loses nothing, a wrong guess of
// `data` would.
// Source: PostgreSQL documentation, appendix A.
Failure classify(std::string_view sqlstate);
inline Failure failure_of(const Error& error) {
  return classify(error.code);
}

std::string_view to_string(Failure failure);

// The error of a failed statement: retriable for outages and conflicts, else permanent; `code` is
// the SQLSTATE.
Error make_error(std::string message, std::string_view sqlstate);

}  // namespace stormlog::postgres
