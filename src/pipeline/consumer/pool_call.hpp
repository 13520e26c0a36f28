#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "pipeline/consumer/query_pool.hpp"

namespace stormlog::pipeline {

// Runs a job on the pool and waits for what it returns, on the executor's thread. Empty when too
// many jobs wait. The job must not refer to the caller's frame, which may end before it.
//
// Lifetime: the executor's context must outlive the pool.
template <typename T>
boost::asio::awaitable<std::optional<T>> run_on_pool(boost::asio::any_io_executor executor,
                                                     QueryPool& pool,
                                                     std::function<T(QueryPool::Worker&)> job) {
  namespace asio = boost::asio;
  // The result on its way back.
  struct Pending {
    explicit Pending(asio::any_io_executor e) : executor(std::move(e)), ready(executor) {}
    asio::any_io_executor executor;
    asio::steady_timer ready;  // cancelled when the result is there
    std::optional<T> result;
  };
  const auto pending = std::make_shared<Pending>(std::move(executor));
  pending->ready.expires_at(asio::steady_timer::time_point::max());
  const bool queued = pool.submit([pending, job = std::move(job)](QueryPool::Worker& worker) {
    auto result = std::make_shared<T>(job(worker));
    asio::post(pending->executor, [pending, result] {
      pending->result = std::move(*result);
      pending->ready.cancel();
    });
  });
  if (!queued) co_return std::nullopt;
  while (!pending->result) {
    boost::system::error_code ignored;
    co_await pending->ready.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return std::move(pending->result);
}

}  // namespace stormlog::pipeline
