#pragma once

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/http/server.hpp"
#include "pipeline/event/batch_codec.hpp"

namespace stormlog::pipeline {

// A log producer without Kafka: answers batches as it is told, and can die and come back.
class FakeProducer {
 public:
  enum class Mode { accept, unavailable, error, hang, garbage, unknown };

  explicit FakeProducer(std::uint16_t port = 0) { start(port); }
  ~FakeProducer() { kill(); }
  FakeProducer(const FakeProducer&) = delete;
  FakeProducer& operator=(const FakeProducer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void set_mode(Mode mode) { mode_ = mode; }
  // Batches that hang go on hanging in whatever mode, until released.
  void hold() { held_ = true; }
  void release() { held_ = false; }
  int batches() const { return batches_; }
  int events() const { return events_; }
  std::set<Uuid> ids() const {
    const std::lock_guard lock(mutex_);
    return ids_;
  }

  // As kill -9 does: no answer, no goodbye, connections cut.
  void kill() {
    if (!thread_.joinable()) return;
    io_->stop();
    thread_.join();
    server_.reset();
    io_.reset();
  }
  // On the port that it had.
  void restart() { start(port_); }

 private:
  void start(std::uint16_t port) {
    io_ = std::make_unique<boost::asio::io_context>(1);
    http::Router router;
    router.add("GET", "/livez", [](http::Request&) -> boost::asio::awaitable<http::Response> {
      co_return http::Response::text(200, "alive");
    });
    router.add("POST", "/internal/v1/batch",
               [this](http::Request& request) { return answer(request); });
    server_ = std::make_unique<http::Server>(*io_, std::move(router), http::ServerLimits{});
    const auto listening = server_->listen("127.0.0.1:" + std::to_string(port));
    if (!listening.ok()) throw std::runtime_error(listening.error().message);
    port_ = server_->port();
    thread_ = std::thread([io = io_.get()] { io->run(); });
  }

  boost::asio::awaitable<http::Response> answer(http::Request& request) {
    const auto events = decode_batch(request.body);
    ++batches_;
    events_ += static_cast<int>(events->size());
    {
      const std::lock_guard lock(mutex_);
      for (const EventView& event : *events) ids_.insert(event.id);
    }
    const std::size_t count = events->size();
    const bool hangs = mode_ == Mode::hang;
    while (hangs && (held_ || mode_ == Mode::hang)) {
      boost::asio::steady_timer timer(*io_, std::chrono::milliseconds(5));
      co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    if (mode_ == Mode::unavailable) co_return http::problem(503, "full", 7);
    if (mode_ == Mode::error) co_return http::problem(500, "broken");
    if (mode_ == Mode::garbage) co_return http::Response::text(200, "hello");
    http::Response response;
    const EventOutcome outcome =
        mode_ == Mode::unknown ? EventOutcome::unknown : EventOutcome::accepted;
    response.headers.set("Content-Type", std::string(kResultsType));
    response.body = encode_results(std::vector<EventOutcome>(count, outcome));
    co_return response;
  }

  std::atomic<Mode> mode_{Mode::accept};
  std::atomic<bool> held_{false};
  std::atomic<int> batches_{0};
  std::atomic<int> events_{0};
  mutable std::mutex mutex_;
  std::set<Uuid> ids_;
  std::uint16_t port_ = 0;
  std::unique_ptr<boost::asio::io_context> io_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

}  // namespace stormlog::pipeline
