#include "pipeline/consumer/read_api.hpp"

#include <memory>
#include <optional>

#include "common/http/router.hpp"
#include "common/service/service.hpp"
#include "pipeline/consumer/pool_call.hpp"

namespace stormlog::pipeline {
namespace {

namespace asio = boost::asio;

using Work = std::function<http::Response(QueryPool::Worker&)>;

asio::awaitable<http::Response> run_on(asio::any_io_executor executor, QueryPool& pool, Work work) {
  auto response = co_await run_on_pool<http::Response>(executor, pool, std::move(work));
  if (!response) co_return http::problem(503, "too many queries are waiting", 1);
  co_return std::move(*response);
}

asio::awaitable<http::Response> answer(http::Response response) {
  co_return response;
}

}  // namespace

void install_read_api(service::Service& service, QueryPool& pool, const ReadService& reads) {
  const asio::any_io_executor executor = service.io().get_executor();
  service.router().add(
      "GET", "/api/v1/logs",
      [executor, &pool, &reads](http::Request& request) -> asio::awaitable<http::Response> {
        const auto params = request.query_params();
        if (!params) return answer(http::problem(400, "the query holds a bad percent escape"));
        Result<LogQuery> query = LogQuery::parse(*params);
        if (!query) return answer(http::problem(400, query.error().message));
        Work work = [&reads, wanted = std::move(*query)](QueryPool::Worker& worker) {
          return reads.list(worker, wanted);
        };
        return run_on(executor, pool, std::move(work));
      });
  service.router().add(
      "GET", "/api/v1/logs/{id}",
      [executor, &pool, &reads](http::Request& request) -> asio::awaitable<http::Response> {
        const std::optional<Uuid> id = Uuid::parse(request.path_param("id"));
        if (!id) {
          return answer(
              http::problem(400, "an id is a UUID like 018f2f0e-7a3b-7c4d-8e5f-0123456789ab"));
        }
        Work work = [&reads, wanted = *id](QueryPool::Worker& worker) {
          return reads.get(worker, wanted);
        };
        return run_on(executor, pool, std::move(work));
      });
}

}  // namespace stormlog::pipeline
