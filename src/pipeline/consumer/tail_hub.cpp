#include "pipeline/consumer/tail_hub.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/http/router.hpp"
#include "common/service/service.hpp"
#include "pipeline/consumer/pool_call.hpp"

namespace stormlog::pipeline {
namespace {

namespace asio = boost::asio;

using Ends = Result<TailEnds>;
using Page = Result<TailReader::Page>;

struct Wanted {
  LogFilter filter;
  std::optional<TailPosition> from;
};

Result<Wanted> parse(const http::Request& request) {
  const auto params = request.query_params();
  if (!params) return Error::permanent("the query holds a bad percent escape");
  if (Result<void> checked = check_params(*params); !checked) return checked.error();
  Wanted wanted;
  for (const auto& [name, value] : *params) {
    const Result<bool> known = wanted.filter.read(name, value);
    if (!known) return known.error();
    if (!*known) {
      return Error::permanent("unknown parameter \"" + name + "\"; there are " + LogFilter::kNames);
    }
  }
  const std::string_view last = request.headers.get("Last-Event-ID");
  if (!last.empty()) {
    wanted.from = TailPosition::parse(last);
    if (!wanted.from) {
      return Error::permanent(
          "Last-Event-ID is not the id of an event of this stream; leave it out to begin with "
          "what is stored from now on");
    }
  }
  return wanted;
}

std::string waiting_event(const Error& error) {
  nlohmann::json data = {{"reason", "the store cannot be asked at the moment"},
                         {"code", error.code}};
  return "event: waiting\ndata: " + data.dump() + "\n\n";
}

// An id without data: the reader comes back with it, and is told of no event.
std::string position_comment(const char* what, const TailPosition& position) {
  std::string text = std::string(": ") + what + "\n";
  if (!position.next.empty()) text += "id: " + position.encode() + "\n";
  return text + "\n";
}

}  // namespace

struct TailHub::Impl : std::enable_shared_from_this<Impl> {
  struct Reader {
    explicit Reader(const asio::any_io_executor& executor) : wake(executor) {}
    asio::steady_timer wake;
  };

  Impl(TailConfig c, QueryPool& p) : config(std::move(c)), pool(p) {}

  asio::awaitable<void> serve(http::StreamWriter& writer, Wanted wanted);
  asio::awaitable<void> poll_loop();
  // One page; empty when the pool has ended.
  asio::awaitable<std::optional<Page>> read(std::shared_ptr<TailReader> reader);
  void wake_all() {
    for (Reader* reader : readers) reader->wake.cancel();
  }

  TailConfig config;
  QueryPool& pool;
  asio::any_io_executor executor;
  std::set<Reader*> readers;
  std::optional<Ends> ends;  // of the last poll
  bool polling = false;
  bool closed = false;
  std::optional<telemetry::Counter> events;
  std::optional<telemetry::Counter> dropped;
};

// Runs while there are readers: what is stored costs nothing where nobody looks.
asio::awaitable<void> TailHub::Impl::poll_loop() {
  const auto self = shared_from_this();
  asio::steady_timer timer(executor);
  while (!closed && !readers.empty()) {
    // Named: GCC 12 destroys a lambda in a co_await's argument twice.
    std::function<Ends(QueryPool::Worker&)> job =
        [group = config.group, topic = config.topic](QueryPool::Worker& worker) -> Ends {
      const Result<postgres::Connection*> db = worker.postgres.connection();
      if (!db) return db.error();
      return read_tail_ends(**db, group, topic);
    };
    std::optional<Ends> read = co_await run_on_pool<Ends>(executor, pool, std::move(job));
    if (closed) break;
    const bool failed = !read || !read->ok();
    if (read) {
      ends = std::move(read);
      wake_all();
    }
    timer.expires_after(failed ? config.retry : config.poll);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  polling = false;
  ends.reset();  // a reader that comes later must not begin at an old end
}

asio::awaitable<std::optional<Page>> TailHub::Impl::read(std::shared_ptr<TailReader> reader) {
  std::function<Page(QueryPool::Worker&)> job = [reader,
                                                 to = **ends](QueryPool::Worker& worker) -> Page {
    const Result<postgres::Connection*> db = worker.postgres.connection();
    if (!db) return db.error();
    return reader->next(**db, to);
  };
  std::optional<Page> page = co_await run_on_pool<Page>(executor, pool, std::move(job));
  co_return page;
}

asio::awaitable<void> TailHub::Impl::serve(http::StreamWriter& writer, Wanted wanted) {
  const auto self = shared_from_this();
  Reader me(executor);
  struct Registered {
    Impl& hub;
    Reader* who;
    ~Registered() { hub.readers.erase(who); }
  } registered{*this, &me};
  readers.insert(&me);
  if (!polling) {
    polling = true;
    asio::co_spawn(
        executor, [self]() -> asio::awaitable<void> { return self->poll_loop(); }, asio::detached);
  }

  std::shared_ptr<TailReader> reader;
  bool told_waiting = false;
  auto heartbeat_due = std::chrono::steady_clock::now() + config.heartbeat;
  std::string piece = ": the tail of the log\n\n";
  while (!closed) {
    if (!piece.empty()) {
      const bool written = co_await writer.write(piece);
      if (!written) break;
      piece.clear();
      heartbeat_due = std::chrono::steady_clock::now() + config.heartbeat;
      continue;
    }
    if (ends && ends->ok() && !reader) {
      const TailPosition from = wanted.from ? *wanted.from : TailPosition{**ends};
      reader = std::make_shared<TailReader>(std::move(wanted.filter), from, config.limits);
      piece = position_comment("begin", from);  // known before the first event
      continue;
    }
    if (ends && ends->ok() && !reader->caught_up(**ends)) {
      const std::optional<Page> page = co_await read(reader);
      if (page && page->ok()) {
        told_waiting = false;
        events->add(static_cast<double>((*page)->events));
        dropped->add(static_cast<double>((*page)->dropped));
        piece = (*page)->text;
        continue;
      }
      if (page) ends = Ends(page->error());  // until the next poll
    } else if (ends && ends->ok()) {
      told_waiting = false;
    }
    if (ends && !ends->ok() && !told_waiting) {
      told_waiting = true;
      piece = waiting_event(ends->error());
      continue;
    }
    me.wake.expires_at(heartbeat_due);
    const auto [error] = co_await me.wake.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!error) piece = position_comment("heartbeat", reader ? reader->position() : TailPosition{});
  }
}

TailHub::TailHub(TailConfig config, QueryPool& pool)
    : impl_(std::make_shared<Impl>(std::move(config), pool)) {}

TailHub::~TailHub() {
  impl_->closed = true;
}

void TailHub::install(service::Service& service) {
  impl_->executor = service.io().get_executor();
  telemetry::Metrics& metrics = service.metrics();
  impl_->events = metrics.counter("tail_events_total", "Events told to readers of the tail");
  impl_->dropped = metrics.counter("tail_dropped_records_total",
                                   "Records passed over for readers that were too far behind");
  metrics.gauge_source("tail_readers", "Readers of the tail",
                       [weak = std::weak_ptr(impl_)](const telemetry::Metrics::Emit& emit) {
                         const auto impl = weak.lock();
                         emit({}, impl ? static_cast<double>(impl->readers.size()) : 0);
                       });
  service.router().add_stream(
      "GET", "/api/v1/logs/tail",
      [impl = impl_](
          http::Request& request) -> asio::awaitable<std::pair<http::Response, http::Stream>> {
        Result<Wanted> wanted = parse(request);
        if (!wanted) {
          co_return std::pair(http::problem(400, wanted.error().message), http::Stream());
        }
        if (static_cast<std::int64_t>(impl->readers.size()) >= impl->config.readers) {
          co_return std::pair(http::problem(503, "too many readers follow the tail", 5),
                              http::Stream());
        }
        http::Response head;
        head.headers.set("Content-Type", "text/event-stream");
        head.headers.set("Cache-Control", "no-store");
        http::Stream stream = [impl, wanted = std::move(*wanted)](http::StreamWriter& writer) {
          return impl->serve(writer, wanted);
        };
        co_return std::pair(std::move(head), std::move(stream));
      });
  service.on_drain([impl = impl_]() -> asio::awaitable<void> {
    impl->closed = true;
    impl->wake_all();
    co_return;
  });
}

}  // namespace stormlog::pipeline
