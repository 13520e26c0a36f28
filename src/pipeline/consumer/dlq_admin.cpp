#include "pipeline/consumer/dlq_admin.hpp"

#include <nlohmann/json.hpp>
#include <thread>

#include "common/base/log.hpp"
#include "common/base/units.hpp"
#include "common/http/router.hpp"
#include "common/service/service.hpp"
#include "pipeline/auth/audit.hpp"
#include "pipeline/consumer/dlq_relay.hpp"
#include "pipeline/consumer/log_filter.hpp"
#include "pipeline/consumer/pool_call.hpp"
#include "pipeline/consumer/redis_call.hpp"

namespace stormlog::pipeline {
namespace {

namespace asio = boost::asio;
using nlohmann::ordered_json;

constexpr auto kReplayTime = std::chrono::seconds(5);
constexpr std::size_t kMostLooked = 10'000;  // letters that one list request looks at
constexpr const char* kPage = "50";          // letters may be a megabyte each

struct ListQuery {
  std::int64_t limit = 100;
  std::string after;
  DeadLetterFilter filter;
};

Result<ListQuery> parse_list(const http::Request& request) {
  const auto params = request.query_params();
  if (!params) return Error::permanent("the query holds a bad percent escape");
  if (Result<void> checked = check_params(*params); !checked) return checked.error();
  ListQuery query;
  for (const auto& [name, value] : *params) {
    if (name == "limit") {
      const Result<std::int64_t> limit = units::parse_int(value);
      if (!limit || *limit < 1 || *limit > 1'000) {
        return Error::permanent("limit must be 1 to 1000; it is \"" + value + "\"");
      }
      query.limit = *limit;
    } else if (name == "cursor") {
      if (!is_stream_id(value)) {
        return Error::permanent(
            "cursor is not one that next_cursor gave; leave it out to begin anew");
      }
      query.after = value;
    } else {
      const Result<bool> known = query.filter.read(name, value);
      if (!known) return known.error();
      if (!*known) {
        return Error::permanent("unknown parameter \"" + name + "\"; there are limit, cursor, " +
                                DeadLetterFilter::kNames);
      }
    }
  }
  return query;
}

http::Response away(const Error& error) {
  log::warn("dead letters cannot be read", {{"error", error.message}, {"code", error.code}});
  return http::problem(503, "the dead letters cannot be reached at the moment", 1);
}

http::Response no_letter(const std::string& id) {
  return http::problem(404, "no dead letter has the id " + id);
}

ordered_json json_of(const ReplayCounts& counts, const ReplayRequest& request, bool done) {
  ordered_json body;
  body["dry_run"] = request.dry_run;
  body["matched"] = counts.matched;
  body["replayed"] = counts.replayed;
  body["unreadable"] = counts.unreadable;
  body["failed"] = counts.failed;
  body["unknown"] = counts.unknown;
  body["done"] = done;
  const bool more = !done && !request.after.empty();
  body["next_cursor"] = more ? ordered_json(request.cursor()) : ordered_json();
  return body;
}

}  // namespace

struct DlqAdmin::Impl : std::enable_shared_from_this<Impl> {
  Impl(std::string topic, QueryPool& p, LetterSender& s,
       std::shared_ptr<resilience::CircuitBreaker> b, const ConsumerMetrics& m, const Clock& c)
      : stream(dlq_stream(topic)),
        pool(p),
        sender(s),
        breaker(std::move(b)),
        metrics(m),
        clock(c) {}

  Result<std::vector<redis::Reply>> ask(QueryPool::Worker& worker,
                                        const std::vector<redis::Command>& commands) const {
    Result<std::vector<redis::Reply>> replies =
        call_redis(*breaker, metrics.redis_dlq_seconds, clock, worker.redis, commands);
    if (!replies) return replies;
    for (const redis::Reply& reply : *replies) {
      if (reply.type == redis::Reply::Type::error) return reply.as_error();
    }
    return replies;
  }
  // Always a named variable, moved: GCC 12 destroys a lambda in a co_await's argument twice.
  using Work = std::function<http::Response(QueryPool::Worker&)>;
  asio::awaitable<http::Response> run(Work job) {
    auto response = co_await run_on_pool<http::Response>(executor, pool, std::move(job));
    if (!response) co_return http::problem(503, "too many requests are waiting", 1);
    response->headers.set("Cache-Control", "no-store");
    co_return std::move(*response);
  }

  http::Response list(QueryPool::Worker& worker, ListQuery query) const;
  http::Response one(QueryPool::Worker& worker, const std::string& id) const;
  http::Response remove(QueryPool::Worker& worker, const std::string& id) const;
  http::Response replay_some(QueryPool::Worker& worker, ReplayRequest request) const;

  asio::awaitable<http::Response> on_list(http::Request& request);
  asio::awaitable<http::Response> on_one(http::Request& request);
  asio::awaitable<http::Response> on_remove(http::Request& request);
  asio::awaitable<http::Response> on_replay(http::Request& request);

  const std::string stream;
  QueryPool& pool;
  LetterSender& sender;
  std::shared_ptr<resilience::CircuitBreaker> breaker;
  const ConsumerMetrics& metrics;
  const Clock& clock;
  asio::any_io_executor executor;
  bool replaying = false;
};

http::Response DlqAdmin::Impl::list(QueryPool::Worker& worker, ListQuery query) const {
  std::string letters;
  std::int64_t shown = 0;
  std::size_t looked = 0;
  bool more = true;
  while (more && shown < query.limit && looked < kMostLooked) {
    const auto page = ask(worker, {{"XRANGE", stream, query.after.empty() ? "-" : "(" + query.after,
                                    "+", "COUNT", kPage}});
    if (!page) return away(page.error());
    more = !page->front().elements.empty();
    for (const redis::Reply& entry : page->front().elements) {
      if (shown == query.limit) break;
      const DeadLetterEntry letter = DeadLetterEntry::from(entry);
      query.after = letter.stream_id;
      ++looked;
      if (!query.filter.matches(letter)) continue;
      if (shown++ > 0) letters += ',';
      letters += letter.to_json(false);
    }
  }
  const auto depth = ask(worker, {{"XLEN", stream}});
  if (!depth) return away(depth.error());
  return http::Response::json(200, R"({"letters":[)" + letters + R"(],"next_cursor":)" +
                                       (more ? '"' + query.after + '"' : std::string("null")) +
                                       R"(,"depth":)" + std::to_string(depth->front().integer) +
                                       "}");
}

http::Response DlqAdmin::Impl::one(QueryPool::Worker& worker, const std::string& id) const {
  const auto found = ask(worker, {{"XRANGE", stream, id, id}});
  if (!found) return away(found.error());
  if (found->front().elements.empty()) return no_letter(id);
  return http::Response::json(
      200, "{\"letter\":" + DeadLetterEntry::from(found->front().elements[0]).to_json(true) + "}");
}

http::Response DlqAdmin::Impl::remove(QueryPool::Worker& worker, const std::string& id) const {
  const auto removed = ask(worker, {{"XDEL", stream, id}});
  if (!removed) return away(removed.error());
  if (removed->front().integer == 0) return no_letter(id);
  http::Response response;
  response.status = 204;
  return response;
}

http::Response DlqAdmin::Impl::replay_some(QueryPool::Worker& worker, ReplayRequest request) const {
  const Result<ReplayResult> result = replay(
      request, stream,
      [&](const std::vector<redis::Command>& commands) { return ask(worker, commands); }, sender,
      clock, kReplayTime, [](Nanoseconds pause) { std::this_thread::sleep_for(pause); });
  if (!result) return away(result.error());
  const ReplayCounts& counts = result->counts;
  metrics.dlq_replayed.add(static_cast<double>(counts.replayed));
  ordered_json body = json_of(counts, request, result->done);
  if (counts.failed == 0 && counts.unknown == 0) return http::Response::json(200, body.dump());
  // Nothing is lost, but what was asked for was not done: not to be hidden behind a 200.
  http::Response response =
      counts.unknown > 0
          ? http::problem(504,
                          "Kafka did not acknowledge all letters in time; they are still dead "
                          "letters, and replaying them again is safe")
          : http::problem(503, "Kafka did not take all letters; they are still dead letters", 1);
  ordered_json problem = ordered_json::parse(response.body);
  problem.update(body);
  response.body = problem.dump();
  return response;
}

asio::awaitable<http::Response> DlqAdmin::Impl::on_list(http::Request& request) {
  Result<ListQuery> query = parse_list(request);
  if (!query) co_return http::problem(400, query.error().message);
  Work work = [self = shared_from_this(), wanted = std::move(*query)](QueryPool::Worker& worker) {
    return self->list(worker, wanted);
  };
  http::Response response = co_await run(std::move(work));
  co_return response;
}

asio::awaitable<http::Response> DlqAdmin::Impl::on_one(http::Request& request) {
  std::string id(request.path_param("id"));
  if (!is_stream_id(id)) co_return http::problem(400, "an id is like 1769860800500-0");
  Work work = [self = shared_from_this(), id](QueryPool::Worker& worker) {
    return self->one(worker, id);
  };
  http::Response response = co_await run(std::move(work));
  co_return response;
}

asio::awaitable<http::Response> DlqAdmin::Impl::on_remove(http::Request& request) {
  std::string id(request.path_param("id"));
  if (!is_stream_id(id)) co_return http::problem(400, "an id is like 1769860800500-0");
  Work work = [self = shared_from_this(), id](QueryPool::Worker& worker) {
    return self->remove(worker, id);
  };
  http::Response response = co_await run(std::move(work));
  audit(request, "dlq delete", id, std::to_string(response.status));
  co_return response;
}

asio::awaitable<http::Response> DlqAdmin::Impl::on_replay(http::Request& request) {
  Result<ReplayRequest> wanted = ReplayRequest::parse(request.body);
  if (!wanted) co_return http::problem(400, wanted.error().message);
  if (replaying) co_return http::problem(409, "a replay is under way; try again when it has ended");
  replaying = true;
  // Given back also when the coroutine is destroyed.
  const auto self = shared_from_this();
  struct Release {
    bool& flag;
    ~Release() { flag = false; }
  } release{replaying};
  const bool dry_run = wanted->dry_run;
  Work work = [self, asked = std::move(*wanted)](QueryPool::Worker& worker) {
    return self->replay_some(worker, asked);
  };
  http::Response response = co_await run(std::move(work));
  audit(request, dry_run ? "dlq replay (dry run)" : "dlq replay", stream,
        std::to_string(response.status));
  co_return response;
}

DlqAdmin::DlqAdmin(std::string topic, QueryPool& pool, LetterSender& sender,
                   std::shared_ptr<resilience::CircuitBreaker> redis_breaker,
                   const ConsumerMetrics& metrics, const Clock& clock)
    : impl_(std::make_shared<Impl>(std::move(topic), pool, sender, std::move(redis_breaker),
                                   metrics, clock)) {}

DlqAdmin::~DlqAdmin() = default;

void DlqAdmin::install(service::Service& service) {
  impl_->executor = service.io().get_executor();
  http::Router& router = service.router();
  router.add("GET", "/admin/dlq",
             [impl = impl_](http::Request& request) { return impl->on_list(request); });
  router.add("POST", "/admin/dlq/replay",
             [impl = impl_](http::Request& request) { return impl->on_replay(request); });
  router.add("GET", "/admin/dlq/{id}",
             [impl = impl_](http::Request& request) { return impl->on_one(request); });
  router.add("DELETE", "/admin/dlq/{id}",
             [impl = impl_](http::Request& request) { return impl->on_remove(request); });
}

}  // namespace stormlog::pipeline
