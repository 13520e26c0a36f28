#include "chaos/load/engine.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace stormlog::chaos {
namespace {

using std::chrono::milliseconds;

constexpr Nanoseconds kFirstBackoff = milliseconds{1};
constexpr Nanoseconds kMaxBackoff = milliseconds{50};
constexpr milliseconds kMaxConnectTimeout{2'000};
constexpr Nanoseconds kFlushInterval = milliseconds{100};
// Below this an idle connection is not watched for its end: setting that up costs as much.
constexpr Nanoseconds kWatchFrom = milliseconds{2};

Nanoseconds longer(Nanoseconds backoff) {
  return backoff == Nanoseconds{0} ? kFirstBackoff : std::min(backoff * 2, kMaxBackoff);
}

}  // namespace

LoadEngine::LoadEngine(Plan plan, EventTemplate event_template, LedgerWriter ledger)
    : plan_(std::move(plan)),
      template_(std::move(event_template)),
      ledger_(std::move(ledger)),
      judge_(plan_.send),
      ids_(clock_, Random(plan_.seed).fork("event ids")),
      flush_timer_(io_) {
  const LoadSpec& load = plan_.load;
  if (load.rate) schedule_.emplace(*load.rate, load.batch);
  const auto connections = static_cast<std::size_t>(load.concurrency);
  const std::size_t keys = std::max(static_cast<std::size_t>(load.keys), connections);
  sequences_.assign(keys, 0);
  for (std::size_t i = 0; i < connections; ++i) slots_.push_back(std::make_unique<Slot>(io_));
  for (std::size_t key = 0; key < keys; ++key) {
    slots_[key % connections]->keys.push_back(static_cast<std::uint32_t>(key));
  }
}

void LoadEngine::run() {
  connecting_ = running_ = slots_.size();
  for (auto& slot : slots_) asio::co_spawn(io_, work(*slot), asio::detached);
  asio::co_spawn(io_, flush_regularly(), asio::detached);
  io_.run();
  note_ledger(ledger_.flush());
}

void LoadEngine::request_end() {
  asio::post(io_, [this] { end_now(); });
}

void LoadEngine::request_stop() {
  asio::post(io_, [this] { stop_now(); });
}

void LoadEngine::end_now() {
  // Before the first request was due, or without a schedule, nothing waits that could be sent.
  if (!begun_ || !schedule_) return stop_now();
  const MonotonicTime end = now();
  if (end_ && *end_ <= end) return;
  end_ = end;
  for (auto& slot : slots_) slot->timer.cancel();
}

void LoadEngine::stop_now() {
  if (stopped_) return;
  stopped_ = now();
  for (auto& slot : slots_) slot->timer.cancel();
}

asio::awaitable<void> LoadEngine::work(Slot& slot) {
  std::string refusal = co_await connect(slot);
  if (--connecting_ == 0) {
    begin();
  } else if (!begun_) {
    // begin() and stop_now() wake it; until then there is nothing to do.
    co_await wait_until(slot, MonotonicTime::max());
  }
  if (schedule_) {
    co_await open_loop(slot);
  } else {
    co_await closed_loop(slot);
  }
  // Gone, not only closed: a timer of it would keep run() from returning.
  slot.connection.reset();
  if (--running_ == 0) finish();
}

void LoadEngine::begin() {
  begun_ = true;
  start_ = now();
  if (plan_.load.duration) end_ = start_ + *plan_.load.duration;
  for (auto& slot : slots_) slot->timer.cancel();
}

void LoadEngine::finish() {
  if (schedule_ && begun_ && stopped_ && !ledger_error_) give_up_backlog();
  flush_timer_.cancel();
}

// After a stop: what was due and found no free connection counts, else a stall would be hidden.
void LoadEngine::give_up_backlog() {
  Slot& slot = *slots_.front();
  for (;; ++next_due_) {
    const MonotonicTime due = start_ + schedule_->due(next_due_);
    if (due > *stopped_ || (end_ && due >= *end_)) return;
    record_unsent(slot, due, "no free connection", "");
  }
}

asio::awaitable<void> LoadEngine::flush_regularly() {
  while (running_ > 0) {
    flush_timer_.expires_after(kFlushInterval);
    co_await flush_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    note_ledger(ledger_.flush());
    note_backlog();
  }
  counters.behind = Nanoseconds{0};
}

void LoadEngine::note_backlog() {
  if (!schedule_ || !begun_) return;
  const MonotonicTime due = start_ + schedule_->due(next_due_);
  const bool over = stopped_ || (end_ && due >= *end_);
  counters.behind = over ? Nanoseconds{0} : std::max(Nanoseconds{0}, now() - due);
}

asio::awaitable<void> LoadEngine::wait_until(Slot& slot, MonotonicTime time) {
  slot.timer.expires_at(time);
  co_await slot.timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

// Closes a connection that the peer ended while it was idle: the next request then connects anew
// instead of failing with an open outcome.
asio::awaitable<void> LoadEngine::watch(Slot& slot) {
  slot.watched = true;
  const bool closed = co_await slot.connection->watch_peer_close();
  slot.watched = false;
  if (closed && slot.connection) slot.connection->close();
}

asio::awaitable<void> LoadEngine::open_loop(Slot& slot) {
  while (!stopped_) {
    const MonotonicTime due = start_ + schedule_->due(next_due_);
    if (end_ && due >= *end_) co_return;
    ++next_due_;
    const Nanoseconds wait = due - now();
    if (wait > Nanoseconds{0}) {
      if (wait >= kWatchFrom && slot.connection->is_open() && !slot.watched) {
        asio::co_spawn(io_, watch(slot), asio::detached);
      }
      co_await wait_until(slot, due);
    }
    // It had a connection and waited for its time: had the stop come a moment earlier, it would not
    // be due. Counting it would call a machine that is late a system that fails.
    if (stopped_ || (end_ && due >= *end_)) co_return;
    if (now() - due > plan_.load.timeout) {
      record_unsent(slot, due, "no free connection", "");
      continue;
    }
    if (!slot.connection->is_open()) {
      const std::string refusal = co_await connect_open_loop(slot);
      if (!refusal.empty()) {
        record_unsent(slot, due, "no connection", refusal);
        continue;
      }
    }
    co_await send(slot, due);
  }
}

asio::awaitable<void> LoadEngine::closed_loop(Slot& slot) {
  while (!stopped_) {
    const MonotonicTime begin = now();
    if (end_ && begin >= *end_) co_return;
    if (!slot.connection->is_open()) {
      const std::string refusal = co_await connect(slot);
      if (!refusal.empty()) {
        record_unsent(slot, begin, "no connection", refusal);
        slot.backoff = longer(slot.backoff);
        if (!stopped_) co_await wait_until(slot, now() + slot.backoff);
        continue;
      }
      slot.backoff = Nanoseconds{0};
    }
    co_await send(slot, begin);
  }
}

asio::awaitable<std::string> LoadEngine::connect(Slot& slot) {
  const milliseconds timeout = std::min(plan_.load.timeout, kMaxConnectTimeout);
  std::string host = plan_.url.host;
  const Result<void> connected =
      co_await slot.connection->connect(std::move(host), plan_.url.port, timeout);
  std::string refusal = connected ? std::string() : connected.error().message;
  co_return refusal;
}

asio::awaitable<std::string> LoadEngine::connect_open_loop(Slot& slot) {
  const bool refused_lately = retry_backoff_ > Nanoseconds{0};
  if (refused_lately && (retrying_ || now() < retry_at_)) co_return last_refusal_;
  if (refused_lately) retrying_ = true;
  std::string refusal = co_await connect(slot);
  if (refused_lately) retrying_ = false;
  if (refusal.empty()) {
    retry_backoff_ = Nanoseconds{0};
  } else {
    retry_backoff_ = longer(retry_backoff_);
    retry_at_ = now() + retry_backoff_;
    last_refusal_ = refusal;
  }
  co_return refusal;
}

void LoadEngine::note_ledger(Result<void> result) {
  if (result || ledger_error_) return;
  ledger_error_ = result.error();
  stop_now();
}

}  // namespace stormlog::chaos
