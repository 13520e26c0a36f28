#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <utility>

namespace stormlog::proxy {

namespace asio = boost::asio;

// Lets one coroutine after another through, in the order they came.
//
// Threads: all on one executor's thread.
class AsyncMutex {
 public:
  class Lock {
   public:
    explicit Lock(AsyncMutex* mutex) : mutex_(mutex) {}
    Lock(Lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
      if (mutex_ != nullptr) mutex_->release();
    }

   private:
    AsyncMutex* mutex_;
  };

  asio::awaitable<Lock> lock() {
    if (!std::exchange(held_, true)) co_return Lock(this);
    asio::steady_timer turn(co_await asio::this_coro::executor,
                            asio::steady_timer::time_point::max());
    waiting_.push_back(&turn);
    co_await turn.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return Lock(this);
  }

 private:
  // It stays held when it is handed on.
  void release() {
    if (waiting_.empty()) {
      held_ = false;
      return;
    }
    asio::steady_timer* next = waiting_.front();
    waiting_.pop_front();
    next->cancel();
  }

  bool held_ = false;
  std::deque<asio::steady_timer*> waiting_;
};

}  // namespace stormlog::proxy
