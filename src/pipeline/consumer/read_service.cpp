#include "pipeline/consumer/read_service.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "pipeline/consumer/cache_writer.hpp"
#include "pipeline/consumer/log_json.hpp"

namespace stormlog::pipeline {
namespace {

http::Response one_answer(const std::string& json, const char* source, bool degraded) {
  return http::Response::json(200, R"({"log":)" + json + R"(,"source":")" + source +
                                       R"(","degraded":)" + (degraded ? "true" : "false") + "}");
}

}  // namespace

bool ReadService::database_away() const {
  return !breakers_.write->would_permit() || !breakers_.read->would_permit();
}

std::string ReadService::cached(QueryPool::Worker& worker, const Uuid& id) const {
  resilience::Permit permit = breakers_.redis->acquire();
  if (!permit) return {};
  const MonotonicTime begin = clock_.now();
  Result<redis::Reply> reply = worker.redis.command({"GET", cache_key(id)});
  metrics_.redis_get_seconds.observe(clock_.now() - begin);
  if (!reply) {
    // An error that Redis answered is Redis being alive.
    if (reply.error().code == redis::kConnectionCode) {
      permit.failure();
    } else {
      permit.success();
    }
    return {};
  }
  permit.success();
  return reply->nil() ? std::string() : std::move(reply->text);
}

Result<postgres::Rows> ReadService::ask(QueryPool::Worker& worker,
                                        const Statement& statement) const {
  if (database_away()) return postgres::make_error("PostgreSQL is away", postgres::kCannotConnect);
  resilience::Permit permit = breakers_.read->acquire();
  if (!permit) return postgres::make_error("PostgreSQL is away", postgres::kCannotConnect);
  const auto run = [&]() -> Result<postgres::Rows> {
    Result<postgres::Connection*> db = worker.database();
    if (!db) return db.error();
    return (*db)->query(statement.sql, statement.params);
  };
  Result<postgres::Rows> rows = run();
  if (rows.ok() || postgres::failure_of(rows.error()) == postgres::Failure::data) {
    permit.success();
  } else {
    permit.failure();
  }
  return rows;
}

http::Response ReadService::failed(const Error& error) const {
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
    return one_answer(hot, "redis", database_away());
  }
  metrics_.cache_misses.add();
  const Result<postgres::Rows> rows = ask(worker, get_statement(id));
  if (!rows) return failed(rows.error());
  if (rows->size() == 0) return http::problem(404, "no log event has the id " + id.to_string());
  const FoundLog found = read_row(*rows, 0);
  return one_answer(to_json(found.event, found.partition, found.offset), "postgresql", false);
}

http::Response ReadService::list(QueryPool::Worker& worker, const LogQuery& query) const {
  const Result<postgres::Rows> rows = ask(worker, list_statement(query));
  if (!rows) return failed(rows.error());
  const int shown = std::min(rows->size(), query.limit);
  std::string body = R"({"logs":[)";
  Cursor last;
  for (int i = 0; i < shown; ++i) {
    const FoundLog found = read_row(*rows, i);
    if (i > 0) body += ',';
    body += to_json(found.event, found.partition, found.offset);
    last = {found.event.timestamp_ns, found.event.id};
  }
  body += R"(],"next_cursor":)";
  body += rows->size() > query.limit ? '"' + last.encode() + '"' : "null";
  body += R"(,"source":"postgresql","degraded":false})";
  return http::Response::json(200, std::move(body));
}

}  // namespace stormlog::pipeline
