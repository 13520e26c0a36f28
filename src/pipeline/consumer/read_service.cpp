#include "pipeline/consumer/read_service.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "common/base/units.hpp"
#include "pipeline/consumer/cache_writer.hpp"
#include "pipeline/consumer/cached_list.hpp"
#include "pipeline/consumer/log_json.hpp"
#include "pipeline/consumer/log_partitions.hpp"
#include "pipeline/consumer/redis_call.hpp"

namespace stormlog::pipeline {
namespace {

constexpr const char* kCanceled = "57014";  // by statement_timeout

http::Response one_answer(const std::string& json, const char* source, bool degraded) {
  return http::Response::json(200, R"({"log":)" + json + R"(,"source":")" + source +
                                       R"(","degraded":)" + (degraded ? "true" : "false") + "}");
}

http::Response list_answer(const std::string& logs, const std::optional<Cursor>& next,
                           const char* source, bool degraded) {
  std::string body = R"({"logs":[)" + logs + R"(],"next_cursor":)";
  body += next ? '"' + next->encode() + '"' : "null";
  body += std::string(R"(,"source":")") + source + R"(","degraded":)";
  body += degraded ? "true}" : "false}";
  return http::Response::json(200, std::move(body));
}

}  // namespace

bool ReadService::database_away() const {
  return !breakers_.write->would_permit() || !breakers_.read->would_permit();
}

Result<std::vector<redis::Reply>> ReadService::ask_redis(
    QueryPool::Worker& worker, const std::vector<redis::Command>& commands) const {
  return call_redis(*breakers_.redis, metrics_.redis_get_seconds, clock_, worker.redis, commands);
}

std::string ReadService::cached(QueryPool::Worker& worker, const Uuid& id) const {
  Result<std::vector<redis::Reply>> replies = ask_redis(worker, {{"GET", cache_key(id)}});
  if (!replies || replies->front().type != redis::Reply::Type::text) return {};
  return std::move(replies->front().text);
}

Result<postgres::Rows> ReadService::ask(QueryPool::Worker& worker,
                                        const Statement& statement) const {
  if (database_away()) return postgres::make_error("PostgreSQL is away", postgres::kCannotConnect);
  resilience::Permit permit = breakers_.read->acquire();
  if (!permit) return postgres::make_error("PostgreSQL is away", postgres::kCannotConnect);
  const auto run = [&]() -> Result<postgres::Rows> {
    Result<postgres::Connection*> db = worker.postgres.connection();
    if (!db) return db.error();
    return (*db)->query(statement.sql, statement.params);
  };
  Result<postgres::Rows> rows = run();
  if (!rows && rows.error().code == kCanceled) {
    permit.ignore();  // too long a query, not a sick server; that would not even say so
  } else if (rows.ok() || postgres::failure_of(rows.error()) == postgres::Failure::data) {
    permit.success();
  } else {
    permit.failure();
  }
  return rows;
}

Result<postgres::Rows> ReadService::ask_list(QueryPool::Worker& worker,
                                             const LogQuery& query) const {
  std::vector<LogPartition> known;
  if (has_time(query)) {
    Statement partitions;
    partitions.sql = std::string(select_partitions()) + " ORDER BY id_time_from";
    Result<postgres::Rows> rows = ask(worker, partitions);
    if (!rows) return rows;
    for (int i = 0; i < rows->size(); ++i) known.push_back(read_partition(*rows, i));
  }
  return ask(worker, list_statement(query, known));
}

http::Response ReadService::failed(const Error& error) const {
  if (error.code == kCanceled) {
    return http::problem(504, "the query did not end within " +
                                  units::format_duration(limits_.query_timeout) +
                                  "; narrow it with service, since and until");
  }
  log::warn("query failed", {{"error", error.message}, {"code", error.code}});
  const Nanoseconds wait =
      std::max(breakers_.write->remaining_open(), breakers_.read->remaining_open());
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return http::problem(503, "the store cannot be asked at the moment",
                       std::max(1, static_cast<int>(seconds)));
}

http::Response ReadService::get(QueryPool::Worker& worker, const Uuid& id) const {
  const std::string hot = cached(worker, id);
  if (!hot.empty()) {
    metrics_.cache_hits.add();
    const bool degraded = database_away();
    if (degraded) metrics_.reads_degraded.add();
    return one_answer(hot, "redis", degraded);
  }
  metrics_.cache_misses.add();
  const Result<postgres::Rows> rows = ask(worker, get_statement(id));
  if (!rows) return failed(rows.error());
  if (rows->size() == 0) return http::problem(404, "no log event has the id " + id.to_string());
  const FoundLog found = read_row(*rows, 0);
  return one_answer(to_json(found.event, found.partition, found.offset), "postgresql", false);
}

http::Response ReadService::list(QueryPool::Worker& worker, const LogQuery& query) const {
  const Result<postgres::Rows> rows = ask_list(worker, query);
  if (!rows) {
    if (rows.error().code != kCanceled) {
      if (auto degraded = list_degraded(worker, query)) return std::move(*degraded);
    }
    return failed(rows.error());
  }
  const int shown = std::min(rows->size(), query.limit);
  std::string logs;
  Cursor last;
  for (int i = 0; i < shown; ++i) {
    const FoundLog found = read_row(*rows, i);
    if (i > 0) logs += ',';
    logs += to_json(found.event, found.partition, found.offset);
    last = {found.event.timestamp_ns, found.event.id};
  }
  const bool more = rows->size() > query.limit;
  return list_answer(logs, more ? std::optional(last) : std::nullopt, "postgresql", false);
}

std::optional<http::Response> ReadService::list_degraded(QueryPool::Worker& worker,
                                                         const LogQuery& query) const {
  const Result<CachedPage> page = list_cached(
      query, limits_.cache_ttl, clock_.wall_now(),
      [&](const std::vector<redis::Command>& commands) { return ask_redis(worker, commands); });
  if (!page || page->logs.empty()) return std::nullopt;
  metrics_.reads_degraded.add();
  std::string logs;
  for (const std::string& log : page->logs) {
    if (!logs.empty()) logs += ',';
    logs += log;
  }
  // There is always a next page: what lies beyond the cache is not known now.
  return list_answer(logs, page->last, "redis", true);
}

}  // namespace stormlog::pipeline
