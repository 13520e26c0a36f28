#include "common/postgres/sqlstate.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace stormlog::postgres {
namespace {

struct Rule {
  std::string_view prefix;
  Failure failure;
};

// The longest prefix that fits decides. What is in no line is an outage.
constexpr std::array kRules = {
    Rule{"0A", Failure::refused},      // feature not supported
    Rule{"21", Failure::data},         // cardinality violation
    Rule{"22", Failure::data},         // data exception: NUL, encoding, out of range, bad JSON
    Rule{"23", Failure::data},         // constraint violation
    Rule{"25", Failure::refused},      // invalid transaction state
    Rule{"25006", Failure::outage},    // read-only: the server is a standby for now
    Rule{"26", Failure::refused},      // unknown prepared statement
    Rule{"28", Failure::refused},      // password, pg_hba.conf
    Rule{"3D", Failure::refused},      // no such database
    Rule{"3F", Failure::refused},      // no such schema
    Rule{"40", Failure::conflict},     // 40001 serialization failure, 40P01 deadlock
    Rule{"40003", Failure::outage},    // statement completion unknown
    Rule{"42", Failure::refused},      // syntax, unknown table, no permission
    Rule{"54", Failure::data},         // program limit: an index entry or a document too large
    Rule{"55P03", Failure::conflict},  // lock not available
    Rule{"P0", Failure::data},         // raised by a trigger
};

}  // namespace

Failure classify(std::string_view sqlstate) {
  const Rule* best = nullptr;
  for (const Rule& rule : kRules) {
    if (!sqlstate.starts_with(rule.prefix)) continue;
    if (best == nullptr || rule.prefix.size() > best->prefix.size()) best = &rule;
  }
  return best == nullptr ? Failure::outage : best->failure;
}

std::string_view to_string(Failure failure) {
  switch (failure) {
    case Failure::outage:
      return "outage";
    case Failure::conflict:
      return "conflict";
    case Failure::data:
      return "data";
    case Failure::refused:
      return "refused";
  }
  return "outage";
}

Error make_error(std::string message, std::string_view sqlstate) {
  const Failure failure = classify(sqlstate);
  const bool retriable = failure == Failure::outage || failure == Failure::conflict;
  return {retriable ? ErrorKind::retriable : ErrorKind::permanent, std::move(message),
          std::string(sqlstate)};
}

}  // namespace stormlog::postgres
