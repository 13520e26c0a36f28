#include "common/http/event_hub.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace stormlog::http {

void EventHub::attach(asio::any_io_executor executor) {
  const std::lock_guard lock(mutex_);
  executor_ = std::move(executor);
}

void EventHub::detach() {
  const std::lock_guard lock(mutex_);
  executor_.reset();
}

void EventHub::publish(std::string id, std::string text) {
  // Under the lock, so that detach() returns only when no post is under way.
  const std::lock_guard lock(mutex_);
  if (!executor_) return;
  asio::post(*executor_,
             [self = shared_from_this(), id = std::move(id), text = std::move(text)]() mutable {
               self->deliver({std::move(id), std::move(text)});
             });
}

void EventHub::deliver(Event event) {
  for (Subscriber* subscriber : subscribers_) {
    if (subscriber->queue.size() >= kMaxQueued) {
      subscriber->lagged = true;
    } else {
      subscriber->queue.push_back(event.text);
    }
    subscriber->wake.cancel();
  }
  history_.push_back(std::move(event));
  if (history_.size() > kMaxHistory) history_.pop_front();
}

asio::awaitable<void> EventHub::serve(StreamWriter& writer, std::string last_id,
                                      std::function<std::string()> first) {
  const auto self = shared_from_this();
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  Subscriber subscriber(executor);
  struct Registered {
    EventHub& hub;
    Subscriber* who;
    ~Registered() {
      hub.subscribers_.erase(who);
      --hub.count_;
    }
  } registered{*this, &subscriber};
  // Subscribed before the first piece is made: no event falls between the two.
  subscribers_.insert(&subscriber);
  ++count_;

  subscriber.queue.push_back(first());
  const auto last = std::find_if(history_.begin(), history_.end(),
                                 [&](const Event& event) { return event.id == last_id; });
  if (!last_id.empty() && last != history_.end()) {
    for (auto event = std::next(last); event != history_.end(); ++event) {
      subscriber.queue.push_back(event->text);
    }
  }

  while (!closed_ && !subscriber.lagged) {
    if (!subscriber.queue.empty()) {
      // All that waits goes out as one piece: a burst costs one write.
      std::string piece;
      for (const auto& text : subscriber.queue) piece += text;
      subscriber.queue.clear();
      const bool written = co_await writer.write(piece);
      if (!written) break;
      continue;
    }
    subscriber.wake.expires_after(heartbeat_);
    const auto [error] = co_await subscriber.wake.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!error) subscriber.queue.emplace_back(": heartbeat\n\n");
  }
  if (subscriber.lagged && !closed_) {
    co_await writer.write(
        "event: lagged\ndata: {\"behind\":" + std::to_string(subscriber.queue.size()) + "}\n\n");
  }
}

void EventHub::close() {
  closed_ = true;
  for (Subscriber* subscriber : subscribers_) subscriber->wake.cancel();
}

}  // namespace stormlog::http
