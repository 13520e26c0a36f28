#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.hpp"
#include "common/postgres/param.hpp"

namespace stormlog::pipeline {

// One statement with its values, and the conditions that are added to it one by one.
struct Statement {
  std::string sql;
  postgres::Params params;

  // "$7" for a value that is added as the seventh.
  std::string bind(postgres::Param value);
  // Joins with WHERE, or AND where there is a condition already.
  void where(const std::string& condition);

 private:
  bool has_condition_ = false;
};

// An attribute that must have one value. `json` is the number, true or false that it may be as
// well, as JSON; "" where it can only be text.
struct AttributeFilter {
  std::string key;
  std::string text;
  std::string json;

  bool operator==(const AttributeFilter&) const = default;
};

// Which events a reader wants, the same for the list and for the tail. All of it must hold.
//
//   service=TEXT       exact
//   severity=LEVEL     at least: 1 to 24 or a name
//   trace_id=, span_id=
//   text=TEXT          the body holds it; ASCII letters compare without case
//   attr.KEY=VALUE     the attribute KEY is the text VALUE; a VALUE that is a JSON number, true or
//                      false matches that, too; in double quotes it is text alone
//
// In SQL and, for what the cache answers, in C++: both decide alike.
struct LogFilter {
  static constexpr std::size_t kMaxText = 1'024;
  static constexpr std::size_t kMaxAttributes = 16;
  static constexpr const char* kNames = "service, severity, trace_id, span_id, text, attr.KEY";

  std::optional<std::string> service;
  int severity_at_least = 0;
  std::string trace_id;  // lower case; "" = any
  std::string span_id;
  std::string text;
  std::vector<AttributeFilter> attributes;

  // False for a name that is no filter. Permanent error that names the parameter.
  Result<bool> read(const std::string& name, const std::string& value);

  void add_to(Statement& statement) const;
  // `json` is an event as to_json() wrote it; what cannot be read does not match.
  bool matches(std::string_view json) const;
};

// Decoded query parameters, one by one. Permanent error for a name that is given twice and for
// values that PostgreSQL cannot take as text: NUL, and what is not UTF-8.
Result<void> check_params(const std::vector<std::pair<std::string, std::string>>& params);

}  // namespace stormlog::pipeline
