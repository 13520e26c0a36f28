#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/http/router.hpp"

namespace stormlog::http {

// Hands server-sent events to any number of subscribers and remembers the last ones.
//
// Threads:  publish(), detach() and has_subscribers() on any thread; everything else on the
// executor's thread. Blocking: never. A subscriber that lags more than kMaxQueued events is told so
// (event: lagged) and cut; with Last-Event-ID it goes on where it was, as far as history reaches.
// Lifetime: held by shared_ptr; detach() before the executor's context ends.
class EventHub : public std::enable_shared_from_this<EventHub> {
 public:
  static constexpr std::size_t kMaxQueued = 1024;
  static constexpr std::size_t kMaxHistory = 1024;

  explicit EventHub(std::chrono::milliseconds heartbeat) : heartbeat_(heartbeat) {}

  // Events published before are dropped: nobody can have subscribed.
  void attach(asio::any_io_executor executor);
  void detach();

  // `id` must be unique; `text` is the whole event with its blank line.
  void publish(std::string id, std::string text);

  // Writes to one client until it goes away or close() is called: first what `first` returns, then
  // what came after `last_id`, then each event as it comes.
  asio::awaitable<void> serve(StreamWriter& writer, std::string last_id,
                              std::function<std::string()> first);

  // Ends all streams, now and later.
  void close();
  std::size_t subscribers() const { return subscribers_.size(); }
  // What nobody reads need not be published; but it will be missing for those who come later.
  bool has_subscribers() const { return count_.load(std::memory_order_relaxed) > 0; }

 private:
  struct Event {
    std::string id;
    std::string text;
  };
  struct Subscriber {
    explicit Subscriber(const asio::any_io_executor& executor) : wake(executor) {}
    asio::steady_timer wake;
    std::deque<std::string> queue;
    bool lagged = false;
  };

  void deliver(Event event);

  std::chrono::milliseconds heartbeat_;
  std::mutex mutex_;  // of executor_ alone
  std::optional<asio::any_io_executor> executor_;
  std::set<Subscriber*> subscribers_;
  std::atomic<std::size_t> count_{0};
  std::deque<Event> history_;
  bool closed_ = false;
};

}  // namespace stormlog::http
