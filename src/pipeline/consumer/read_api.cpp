#include "pipeline/consumer/read_api.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

#include "common/http/router.hpp"
#include "common/service/service.hpp"

namespace stormlog::pipeline {
namespace {

namespace asio = boost::asio;

// A job's answer on its way back to the I/O thread.
struct Pending {
  explicit Pending(asio::any_io_executor e) : executor(std::move(e)), ready(executor) {}
  asio::any_io_executor executor;
  asio::steady_timer ready;  // cancelled when the answer is there
  std::optional<http::Response> response;
};

using Work = std::function<http::Response(QueryPool::Worker&)>;

asio::awaitable<http::Response> run_on(asio::any_io_executor executor, QueryPool& pool, Work work) {
  const auto pending = std::make_shared<Pending>(std::move(executor));
  pending->ready.expires_at(asio::steady_timer::time_point::max());
  const bool queued = pool.submit([pending, work = std::move(work)](QueryPool::Worker& worker) {
    auto response = std::make_shared<http::Response>(work(worker));
    asio::post(pending->executor, [pending, response] {
      pending->response = std::move(*response);
      pending->ready.cancel();
    });
  });
  if (!queued) co_return http::problem(503, "too many queries are waiting", 1);
  while (!pending->response) {
    boost::system::error_code ignored;
    co_await pending->ready.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return std::move(*pending->response);
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
