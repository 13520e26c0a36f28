// The connections of an Upstream: from the queue to the wire and back.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "common/base/log.hpp"
#include "pipeline/gateway/upstream_slot.hpp"

namespace stormlog::pipeline {
namespace {

constexpr int kMaxAttempts = 3;

Nanoseconds retry_after_of(const http::ClientResponse& response) {
  const std::string_view text = response.headers.get("Retry-After");
  int seconds = 1;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(result.ec == std::errc() && seconds > 0 ? seconds : 1);
}

bool any_attempted_too_often(const IngestBatch& batch) {
  for (const auto& request : batch.requests) {
    if (request->attempts() >= kMaxAttempts) return true;
  }
  return false;
}

}  // namespace

asio::awaitable<void> Upstream::run(Slot& slot) {
  for (;;) {
    if (!slot.connection.is_open() || !admits()) {
      co_await connect(slot);
    } else if (!queue_.is_due(clock_.now())) {
      co_await wait_for_work(slot);
    } else {
      co_await send(slot);
    }
  }
}

// Returns when there may be something to do again: connected, or not.
asio::awaitable<void> Upstream::connect(Slot& slot) {
  if (!reachable_ || !admits()) {
    co_await reachable_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return;
  }
  if (slot.connection.is_open()) co_return;
  const auto connected =
      co_await slot.connection.connect(url_.host, url_.port, config_.connect_timeout);
  if (!connected.ok()) suspect();
}

// Until there may be something to take, or the connection has gone.
asio::awaitable<void> Upstream::wait_for_work(Slot& slot) {
  slot.idle = true;
  ++idle_;
  const bool closed = co_await slot.connection.watch_peer_close();
  const bool woken = !slot.idle;
  slot.idle = false;
  --(woken ? waking_ : idle_);  // wake_one() has counted it as not idle
  if (!closed) co_return;
  slot.connection.close();
  suspect();
  if (woken) links_.state_changed();  // somebody else must take what it was woken for
}

asio::awaitable<void> Upstream::send(Slot& slot) {
  const auto breaker = breaker_;  // held for the permit: the coroutine may be destroyed last
  resilience::Permit permit = breaker->acquire();
  if (!permit) co_return;
  IngestBatch batch = queue_.take(clock_.now());
  if (batch.requests.empty()) {
    permit.ignore();
    co_return;
  }
  batch_events_.observe(static_cast<double>(batch.count));
  http::ClientRequest request;
  request.target = "/internal/v1/batch";
  request.headers.add("Content-Type", std::string(kBatchType));
  if (!config_.token.empty()) request.headers.add("Authorization", "Bearer " + config_.token);
  request.body = std::move(batch.body);
  slot.busy = true;
  slot.since = clock_.now();
  ++busy_;
  if (!queue_.empty()) links_.state_changed();  // a batch has its limits
  const auto outcome = co_await slot.connection.exchange(std::move(request), config_.timeout);
  --busy_;
  slot.busy = false;
  exchange_seconds_.observe(clock_.now() - slot.since);
  finish(std::move(batch), outcome, permit);
}

void Upstream::finish(IngestBatch batch, const http::ClientConnection::Outcome& outcome,
                      resilience::Permit& permit) {
  if (outcome.ok) {
    finish_answered(batch, outcome.response, permit);
  } else {
    finish_broken(std::move(batch), outcome.error, permit);
  }
  links_.state_changed();
}

void Upstream::finish_answered(IngestBatch& batch, const http::ClientResponse& response,
                               resilience::Permit& permit) {
  if (response.status == 503) {
    // It lives and says so: its own breaker or queue is the reason.
    permit.ignore();
    batch.fail("the producer cannot take it now", retry_after_of(response));
    return;
  }
  if (response.status == 200) {
    const auto outcomes = decode_results(response.body);
    if (outcomes.ok() && outcomes->size() == batch.count) {
      permit.success();
      links_.answered();
      batch.tell(*outcomes);
      return;
    }
  }
  permit.failure();
  log::warn("producer's answer is not usable",
            {{"producer", name()}, {"status", response.status}, {"events", batch.count}});
  if (response.status >= 400 && response.status < 500) {
    const bool may_not = response.status == 401 || response.status == 403;
    batch.fail(may_not ? "the producer refuses the gateway's token (upstream-token)"
                       : "the producer does not understand the gateway",
               std::chrono::seconds(1));
  } else {
    batch.lose("the producer failed with status " + std::to_string(response.status));
  }
}

void Upstream::finish_broken(IngestBatch batch, const http::ExchangeError& error,
                             resilience::Permit& permit) {
  permit.failure();
  suspect();
  const bool sent = error.phase == http::ExchangePhase::sent;
  log::info(
      "batch failed",
      {{"producer", name()}, {"reason", error.message}, {"sent", sent}, {"events", batch.count}});
  const bool again = !any_attempted_too_often(batch);
  if (again && (!sent || links_.may_repeat(batch))) {
    if (sent) {
      for (const auto& request : batch.requests) request->note_sent();
    }
    links_.try_elsewhere(std::move(batch));
  } else if (sent) {
    batch.lose(error.timed_out ? "the producer did not answer in time"
                               : "the connection to the producer broke");
  } else {
    batch.fail("no producer could be reached", std::chrono::seconds(1));
  }
}

}  // namespace stormlog::pipeline
