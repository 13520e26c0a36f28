#include "pipeline/consumer/query.hpp"

#include "common/base/units.hpp"
#include "pipeline/event/severity.hpp"

namespace stormlog::pipeline {
namespace {

constexpr const char* kColumns =
    "SELECT id, ts_ns, observed_ts_ns, service, severity_number, severity_text, body, "
    "body_is_json, trace_id, span_id, trace_flags, event_name, attributes, resource, scope, "
    "kafka_partition, kafka_offset FROM logs";

Result<int> parse_severity(const std::string& text) {
  if (const int named = severity_number_of(text); named > 0) return named;
  const Result<std::int64_t> number = units::parse_int(text);
  if (number.ok() && *number >= 1 && *number <= 24) return static_cast<int>(*number);
  return Error::permanent("severity must be 1 to 24 or a name like INFO, WARN, ERROR; it is \"" +
                          text + "\"");
}

Result<std::int64_t> parse_time(const std::string& name, const std::string& text) {
  const Result<WallTime> time = units::parse_rfc3339(text);
  if (!time) {
    return Error::permanent(name + " must be a time like 2026-01-31T12:00:00Z; it is \"" + text +
                            "\"");
  }
  return time->time_since_epoch().count();
}

Result<void> apply(LogQuery& query, const std::string& name, const std::string& value) {
  if (name == "limit") {
    const Result<std::int64_t> limit = units::parse_int(value);
    if (!limit || *limit < 1 || *limit > LogQuery::kMaxLimit) {
      return Error::permanent("limit must be 1 to 1000; it is \"" + value + "\"");
    }
    query.limit = static_cast<int>(*limit);
  } else if (name == "service") {
    if (value.find('\0') != std::string::npos) {
      return Error::permanent("service must not hold a NUL character");
    }
    query.service = value;
  } else if (name == "since" || name == "until") {
    const Result<std::int64_t> time = parse_time(name, value);
    if (!time) return time.error();
    (name == "since" ? query.since_ns : query.until_ns) = *time;
  } else if (name == "severity") {
    const Result<int> severity = parse_severity(value);
    if (!severity) return severity.error();
    query.severity_at_least = *severity;
  } else if (name == "cursor") {
    query.after = Cursor::decode(value);
    if (!query.after) {
      return Error::permanent(
          "cursor is not one that next_cursor gave; leave it out to begin anew");
    }
  } else {
    return Error::permanent("unknown parameter \"" + name +
                            "\"; there are limit, service, since, until, severity, cursor");
  }
  return {};
}

}  // namespace

Result<LogQuery> LogQuery::parse(const std::vector<std::pair<std::string, std::string>>& params) {
  LogQuery query;
  std::vector<std::string> seen;
  for (const auto& [name, value] : params) {
    for (const std::string& before : seen) {
      if (before == name) return Error::permanent(name + " is given twice");
    }
    seen.push_back(name);
    if (Result<void> applied = apply(query, name, value); !applied) return applied.error();
  }
  return query;
}

Statement list_statement(const LogQuery& query) {
  Statement statement;
  statement.sql = kColumns;
  const char* joint = " WHERE ";
  const auto where = [&](const std::string& condition, postgres::Param value) {
    statement.params.push_back(std::move(value));
    statement.sql += joint + condition + "$" + std::to_string(statement.params.size());
    joint = " AND ";
  };
  if (query.service) where("service = ", *query.service);
  if (query.since_ns) where("ts_ns >= ", *query.since_ns);
  if (query.until_ns) where("ts_ns < ", *query.until_ns);
  if (query.severity_at_least > 0) where("severity_number >= ", query.severity_at_least);
  if (query.after) {
    statement.params.emplace_back(query.after->ts_ns);
    statement.params.emplace_back(query.after->id.to_string());
    const std::size_t last = statement.params.size();
    statement.sql += joint + std::string("(ts_ns, id) < ($") + std::to_string(last - 1) +
                     "::bigint, $" + std::to_string(last) + "::uuid)";
  }
  statement.sql += " ORDER BY ts_ns DESC, id DESC LIMIT " + std::to_string(query.limit + 1);
  return statement;
}

Statement get_statement(const Uuid& id) {
  return {std::string(kColumns) + " WHERE id = $1", {id.to_string()}};
}

FoundLog read_row(const postgres::Rows& rows, int row) {
  const auto text = [&](int column) { return std::string(rows.text(row, column)); };
  FoundLog found;
  EventRecord& event = found.event;
  event.id = Uuid::parse(rows.text(row, 0)).value_or(Uuid{});
  event.timestamp_ns = rows.integer(row, 1);
  event.observed_timestamp_ns = rows.integer(row, 2);
  event.service = text(3);
  event.severity_number = static_cast<int>(rows.integer(row, 4));
  event.severity_text = text(5);
  event.body = text(6);
  event.body_is_json = rows.text(row, 7) == "t";
  event.trace_id = text(8);
  event.span_id = text(9);
  event.trace_flags = static_cast<int>(rows.integer(row, 10));
  event.event_name = text(11);
  event.attributes = text(12);
  event.resource = text(13);
  event.scope = text(14);
  found.partition = static_cast<int>(rows.integer(row, 15));
  found.offset = rows.integer(row, 16);
  return found;
}

}  // namespace stormlog::pipeline
