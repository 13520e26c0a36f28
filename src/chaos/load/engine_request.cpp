// One request of the load: stamped, written into the ledger, sent, judged, written again.
#include "chaos/load/engine.hpp"

namespace stormlog::chaos {

void LoadEngine::stamp(Slot& slot) {
  slot.events.clear();
  for (int i = 0; i < plan_.load.batch; ++i) {
    const std::uint32_t key = slot.keys[slot.next_key];
    slot.next_key = (slot.next_key + 1) % slot.keys.size();
    slot.events.push_back({ids_.next(), key, ++sequences_[key]});
  }
}

std::string LoadEngine::body_of(const std::vector<LedgerEvent>& events) {
  const bool array = plan_.send.batch == SendSpec::Batch::json_array;
  const WallTime wall = clock_.wall_now();
  std::string body;
  if (array) body.push_back('[');
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i > 0) body.push_back(array ? ',' : '\n');
    template_.render(events[i], wall, body);
  }
  if (array) body.push_back(']');
  if (plan_.send.batch == SendSpec::Batch::ndjson) body.push_back('\n');
  return body;
}

asio::awaitable<void> LoadEngine::send(Slot& slot, MonotonicTime intended) {
  stamp(slot);
  const auto events = static_cast<std::uint32_t>(slot.events.size());
  const std::uint64_t number = next_request_++;
  http::ClientRequest request;
  request.method = plan_.send.method;
  request.target = plan_.url.target;
  for (const auto& [name, value] : plan_.send.headers) request.headers.add(name, value);
  request.body = body_of(slot.events);

  RequestSample sample;
  sample.intended = offset(intended);
  sample.sent = offset(now());
  sample.events = static_cast<std::uint16_t>(events);
  note_ledger(ledger_.sent(number, sample.intended, sample.sent, slot.events));
  if (ledger_error_) co_return;
  counters.sent.fetch_add(events, std::memory_order_relaxed);
  counters.in_flight.fetch_add(events, std::memory_order_relaxed);

  http::ClientConnection::Outcome outcome =
      co_await slot.connection->exchange(std::move(request), plan_.load.timeout);
  counters.in_flight.fetch_sub(events, std::memory_order_relaxed);
  sample.done = offset(now());

  Judgement judgement;
  if (outcome.ok) {
    sample.status = static_cast<std::uint16_t>(outcome.response.status);
    sample.retry_after = outcome.response.headers.has("retry-after");
    judgement = judge_.judge(outcome.response.status, outcome.response.body, events);
    if (!outcome.response.keep_alive) slot.connection->close();
  } else if (outcome.error.phase == http::ExchangePhase::not_sent) {
    judgement.outcome = Outcome::unsent;
    judgement.error = "no connection";
  } else {
    judgement.error = outcome.error.timed_out ? "time-out" : "broken connection";
  }
  finish_request(number, sample, judgement, outcome.error.message);
}

void LoadEngine::record_unsent(Slot& slot, MonotonicTime intended, const std::string& kind,
                               const std::string& why) {
  stamp(slot);
  RequestSample sample;
  sample.intended = offset(intended);
  sample.sent = sample.done = offset(now());
  sample.events = static_cast<std::uint16_t>(slot.events.size());
  const std::uint64_t number = next_request_++;
  note_ledger(ledger_.sent(number, sample.intended, sample.sent, slot.events));
  if (ledger_error_) return;
  counters.sent.fetch_add(slot.events.size(), std::memory_order_relaxed);
  Judgement judgement;
  judgement.outcome = Outcome::unsent;
  judgement.error = kind;
  finish_request(number, sample, judgement, why);
}

void LoadEngine::finish_request(std::uint64_t request, RequestSample sample,
                                const Judgement& judgement, const std::string& message) {
  sample.outcome = judgement.outcome;
  note_ledger(
      ledger_.ended(request, sample.done, sample.status, judgement.outcome, judgement.refused));
  samples_.push_back(sample);

  const std::uint64_t refused = judgement.refused.size();
  const std::uint64_t events = sample.events - refused;
  counters.rejected.fetch_add(refused, std::memory_order_relaxed);
  switch (judgement.outcome) {
    case Outcome::acked:
      counters.acked.fetch_add(events, std::memory_order_relaxed);
      break;
    case Outcome::rejected:
      // All of them, whether the status or the body's list said so.
      counters.rejected.fetch_add(events, std::memory_order_relaxed);
      break;
    case Outcome::indeterminate:
      counters.indeterminate.fetch_add(events, std::memory_order_relaxed);
      break;
    case Outcome::unsent:
      counters.unsent.fetch_add(events, std::memory_order_relaxed);
      break;
  }
  counters.requests.fetch_add(1, std::memory_order_relaxed);

  if (judgement.error.empty()) return;
  LoadError& error = errors_[judgement.error];
  if (error.requests == 0) error = {judgement.error, 0, message};
  ++error.requests;
}

}  // namespace stormlog::chaos
