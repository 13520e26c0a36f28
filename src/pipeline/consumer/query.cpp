#include "pipeline/consumer/query.hpp"

#include <algorithm>

#include "common/base/units.hpp"
#include "pipeline/consumer/id_time.hpp"
#include "pipeline/consumer/log_partitions.hpp"

namespace stormlog::pipeline {
namespace {

constexpr const char* kColumns =
    "SELECT id, ts_ns, observed_ts_ns, service, severity_number, severity_text, body, "
    "body_is_json, trace_id, span_id, trace_flags, event_name, attributes, resource, scope, "
    "kafka_partition, kafka_offset FROM logs";

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
  } else if (name == "since" || name == "until") {
    const Result<std::int64_t> time = parse_time(name, value);
    if (!time) return time.error();
    (name == "since" ? query.since_ns : query.until_ns) = *time;
  } else if (name == "cursor") {
    query.after = Cursor::decode(value);
    if (!query.after) {
      return Error::permanent(
          "cursor is not one that next_cursor gave; leave it out to begin anew");
    }
  } else {
    const Result<bool> known = query.filter.read(name, value);
    if (!known) return known.error();
    if (!*known) {
      return Error::permanent("unknown parameter \"" + name +
                              "\"; there are limit, since, until, " + "cursor, " +
                              LogFilter::kNames);
    }
  }
  return {};
}

// Whether a partition can hold a row that the query wants.
bool concerns(const LogQuery& query, const LogPartition& partition) {
  const auto ns = [](WallTime time) { return time.time_since_epoch().count(); };
  if (query.since_ns && ns(partition.ts_to) <= *query.since_ns) return false;
  if (query.until_ns && ns(partition.ts_from) >= *query.until_ns) return false;
  return !query.after || ns(partition.ts_from) <= query.after->ts_ns;
}

// All times but those of the partitions that hold nothing: what was not known, and logs_untimed and
// logs_default, stay in. Written as ranges, which the planner prunes by.
void pass_by(const LogQuery& query, std::span<const LogPartition> known, Statement& statement) {
  std::vector<std::pair<WallTime, WallTime>> out;  // by time, neighbours joined
  for (const LogPartition& partition : known) {
    if (concerns(query, partition)) continue;
    if (!out.empty() && out.back().second == partition.from) {
      out.back().second = partition.to;
    } else {
      out.emplace_back(partition.from, partition.to);
    }
  }
  if (out.empty()) return;
  const auto time = [&](WallTime at) { return statement.bind(sql_time(at)) + "::timestamptz"; };
  std::string condition = "(id_time < " + time(out.front().first);
  for (std::size_t i = 0; i + 1 < out.size(); ++i) {
    condition +=
        " OR (id_time >= " + time(out[i].second) + " AND id_time < " + time(out[i + 1].first) + ")";
  }
  statement.where(condition + " OR id_time >= " + time(out.back().second) + ")");
}

}  // namespace

Result<LogQuery> LogQuery::parse(const std::vector<std::pair<std::string, std::string>>& params) {
  if (Result<void> checked = check_params(params); !checked) return checked.error();
  LogQuery query;
  for (const auto& [name, value] : params) {
    if (Result<void> applied = apply(query, name, value); !applied) return applied.error();
  }
  if (query.since_ns && query.until_ns && *query.since_ns > *query.until_ns) {
    return Error::permanent("until must not lie before since");
  }
  return query;
}

bool has_time(const LogQuery& query) {
  return query.since_ns || query.until_ns || query.after;
}

Statement list_statement(const LogQuery& query, std::span<const LogPartition> known) {
  Statement statement;
  statement.sql = kColumns;
  pass_by(query, known, statement);
  if (query.since_ns) statement.where("ts_ns >= " + statement.bind(*query.since_ns));
  if (query.until_ns) statement.where("ts_ns < " + statement.bind(*query.until_ns));
  if (query.after) {
    const std::string time = statement.bind(query.after->ts_ns);
    statement.where("(ts_ns, id) < (" + time + "::bigint, " +
                    statement.bind(query.after->id.to_string()) + "::uuid)");
  }
  query.filter.add_to(statement);
  statement.sql += " ORDER BY ts_ns DESC, id DESC LIMIT " + std::to_string(query.limit + 1);
  return statement;
}

Statement get_statement(const Uuid& id) {
  Statement statement;
  statement.sql = kColumns;
  statement.where("id = " + statement.bind(id.to_string()));
  // Those from before the table was partitioned are in logs_untimed, whatever their version.
  if (const std::optional<WallTime> time = id_time(id, WallTime{})) {
    statement.where("id_time IN ('-infinity', " + statement.bind(sql_time(*time)) + ")");
  } else {
    statement.where("id_time = '-infinity'");
  }
  return statement;
}

const char* select_logs() {
  return kColumns;
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
