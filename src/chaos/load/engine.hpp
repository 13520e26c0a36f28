#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chaos/ledger/ledger.hpp"
#include "chaos/load/event_template.hpp"
#include "chaos/load/load.hpp"
#include "chaos/load/response.hpp"
#include "chaos/load/schedule.hpp"
#include "common/base/clock.hpp"
#include "common/base/uuid.hpp"
#include "common/http/client_connection.hpp"
#include "common/http/message.hpp"

namespace stormlog::chaos {

namespace asio = boost::asio;

// Counters that any thread may read while the load runs.
struct LoadCounters {
  std::atomic<std::uint64_t> sent{0}, acked{0}, rejected{0}, indeterminate{0}, unsent{0};
  std::atomic<std::uint64_t> in_flight{0}, requests{0};
  std::atomic<Nanoseconds> behind{Nanoseconds{0}};
};

// The load generator's loop: one coroutine for each connection on one io_context.
//
// In the open loop a coroutine takes the next request of the schedule, waits until it is due, and
// sends it. Requests are taken in their order, so a due one is always sent by whichever connection
// is free first, and the queue of due requests is nothing but the gap between the schedule and the
// number of the last one taken.
//
// Threads: run() on one thread; request_end(), request_stop() and `counters` on any; the rest after
//          run().
class LoadEngine {
 public:
  struct Plan {
    SendSpec send;
    LoadSpec load;
    http::Url url;
    MonotonicTime epoch;
    std::uint64_t seed = 0;
  };

  LoadEngine(Plan plan, EventTemplate event_template, LedgerWriter ledger);

  // Returns when the duration is over or a stop was requested, and all requests have ended.
  void run();
  void request_end();
  void request_stop();

  LoadCounters counters;

  const std::optional<Error>& ledger_error() const { return ledger_error_; }
  std::vector<RequestSample>& samples() { return samples_; }
  const std::map<std::string, LoadError>& errors() const { return errors_; }

 private:
  // One connection and its keys.
  struct Slot {
    explicit Slot(asio::io_context& io) : connection(io.get_executor()), timer(io) {}
    std::optional<http::ClientConnection> connection;  // until its work is done
    asio::steady_timer timer;
    std::vector<std::uint32_t> keys;
    std::size_t next_key = 0;
    std::vector<LedgerEvent> events;  // of the request under way
    bool watched = false;
    Nanoseconds backoff{0};  // closed loop: wait after a failed connect
  };

  asio::awaitable<void> work(Slot& slot);
  asio::awaitable<void> open_loop(Slot& slot);
  asio::awaitable<void> closed_loop(Slot& slot);
  asio::awaitable<void> wait_until(Slot& slot, MonotonicTime time);
  asio::awaitable<void> watch(Slot& slot);
  asio::awaitable<void> flush_regularly();
  void begin();
  void finish();
  void give_up_backlog();

  // The reason why there is no connection, or "".
  asio::awaitable<std::string> connect(Slot& slot);
  asio::awaitable<std::string> connect_open_loop(Slot& slot);
  asio::awaitable<void> send(Slot& slot, MonotonicTime intended);
  void record_unsent(Slot& slot, MonotonicTime intended, const std::string& kind,
                     const std::string& why);

  void stamp(Slot& slot);
  std::string body_of(const std::vector<LedgerEvent>& events);
  void finish_request(std::uint64_t request, RequestSample sample, const Judgement& judgement,
                      const std::string& message);
  void note_ledger(Result<void> result);
  void note_backlog();
  void end_now();
  void stop_now();

  MonotonicTime now() const { return clock_.now(); }
  Nanoseconds offset(MonotonicTime time) const { return time - plan_.epoch; }

  Plan plan_;
  const Clock& clock_ = SystemClock::instance();
  EventTemplate template_;
  LedgerWriter ledger_;
  ResponseJudge judge_;
  UuidV7Generator ids_;
  std::optional<Schedule> schedule_;
  asio::io_context io_{1};
  asio::steady_timer flush_timer_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::uint64_t> sequences_;  // by key: the last number given

  std::size_t connecting_ = 0;  // slots that have not tried their first connect
  std::size_t running_ = 0;     // slots at work
  bool begun_ = false;
  MonotonicTime start_{};
  std::optional<MonotonicTime> end_;
  std::optional<MonotonicTime> stopped_;
  std::uint64_t next_due_ = 0;      // open loop: number of the next request to take
  std::uint64_t next_request_ = 0;  // number in the ledger

  // Open loop, after a failed connect: no slot tries again before `retry_at_`, then one does.
  Nanoseconds retry_backoff_{0};
  MonotonicTime retry_at_{};
  bool retrying_ = false;
  std::string last_refusal_;

  std::optional<Error> ledger_error_;
  std::vector<RequestSample> samples_;
  std::map<std::string, LoadError> errors_;
};

}  // namespace stormlog::chaos
