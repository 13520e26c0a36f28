#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.hpp"
#include "common/postgres/connection.hpp"
#include "pipeline/consumer/cursor.hpp"
#include "pipeline/consumer/log_filter.hpp"
#include "pipeline/consumer/partition_rules.hpp"
#include "pipeline/event/event.hpp"

namespace stormlog::pipeline {

// What GET /api/v1/logs asks for.
struct LogQuery {
  static constexpr int kMaxLimit = 1'000;

  int limit = 100;
  std::optional<std::int64_t> since_ns;  // inclusive
  std::optional<std::int64_t> until_ns;  // exclusive
  std::optional<Cursor> after;
  LogFilter filter;

  // Of limit, since, until (RFC 3339), cursor and the filter's names. Permanent error that names
  // the parameter and what would be right; an unknown one is refused too, because a filter that is
  // not applied answers with wrong rows.
  static Result<LogQuery> parse(const std::vector<std::pair<std::string, std::string>>& params);
};

// Newest first; one row more than the limit, to know whether there is another page. Partitions
// among `known` that hold nothing of the query's time are passed by; ask for them before, so that
// what is written meanwhile is merely not seen.
Statement list_statement(const LogQuery& query, std::span<const LogPartition> known = {});
// Whether the query has a time that partitions can be passed by for.
bool has_time(const LogQuery& query);
// Looks into two partitions at most.
Statement get_statement(const Uuid& id);

// "SELECT … FROM logs", with the columns that read_row() reads.
const char* select_logs();

struct FoundLog {
  EventRecord event;
  int partition = 0;
  std::int64_t offset = 0;
};

// A row of either statement.
FoundLog read_row(const postgres::Rows& rows, int row);

}  // namespace stormlog::pipeline
