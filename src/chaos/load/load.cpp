#include "chaos/load/load.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "chaos/ledger/run_mark.hpp"
#include "chaos/load/engine.hpp"

namespace stormlog::chaos {
namespace {

// Beside the connections: files, event streams, what the caller has open.
constexpr rlim_t kOtherDescriptors = 64;

Result<void> allow_descriptors(int connections) {
  const rlim_t needed = static_cast<rlim_t>(connections) + kOtherDescriptors;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= needed) return {};
  if (limit.rlim_max >= needed) {
    limit.rlim_cur = needed;
    if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return {};
  }
  return Error::permanent("concurrency " + std::to_string(connections) + " needs " +
                          std::to_string(needed) + " open files, but this shell allows " +
                          std::to_string(limit.rlim_max) + " (ulimit -n)");
}

Result<http::Url> parse_target(const std::string& text) {
  const std::optional<http::Url> url = http::Url::parse(text);
  if (!url) {
    return Error::permanent("load: \"" + text + "\" is no URL; write http://host:port/path");
  }
  if (url->scheme != "http") {
    return Error::permanent("load: \"" + text +
                            "\": the load generator speaks plain http:// only; send to the "
                            "address behind the TLS end point");
  }
  return *url;
}

// Tries one event, so that a template that no server could read is found before the run.
Result<void> check_template(EventTemplate event_template, const SendSpec& send, int batch) {
  if (send.batch == SendSpec::Batch::single && batch > 1) {
    return Error::permanent("load: batch is " + std::to_string(batch) +
                            ", but the stack's `ledger.send.batch: single` sends one event a "
                            "request");
  }
  if (!send.rejected_list.empty() && send.rejected_list.front() != '/') {
    return Error::permanent("load: `rejected.list` is \"" + send.rejected_list +
                            "\"; write a JSON pointer such as /errors");
  }
  std::string sample;
  event_template.render({Uuid{}, 0, 1}, WallTime{}, sample);
  if (send.batch == SendSpec::Batch::json_array && !nlohmann::json::accept(sample)) {
    return Error::permanent("event template: it does not give JSON, but batch is json_array: " +
                            sample);
  }
  if (send.batch == SendSpec::Batch::ndjson && sample.find('\n') != std::string::npos) {
    return Error::permanent("event template: batch is ndjson, but the event has several lines");
  }
  return {};
}

}  // namespace

struct LoadGenerator::Impl {
  SendSpec send;
  LoadSpec load;
  std::string run;
  std::uint64_t seed;
  std::filesystem::path ledger_file;
  MonotonicTime epoch;
  std::unique_ptr<LoadEngine> engine;
  std::thread thread;
  std::atomic<bool> finished{false};
};

LoadGenerator::LoadGenerator(SendSpec send, LoadSpec load, std::string run, std::uint64_t seed,
                             std::filesystem::path ledger_file, MonotonicTime epoch)
    : impl_(std::make_unique<Impl>()) {
  impl_->send = std::move(send);
  impl_->load = load;
  impl_->run = std::move(run);
  impl_->seed = seed;
  impl_->ledger_file = std::move(ledger_file);
  impl_->epoch = epoch;
}

LoadGenerator::~LoadGenerator() {
  static_cast<void>(stop());
}

Result<void> LoadGenerator::start() {
  if (impl_->engine) return Error::permanent("load: started already");
  Result<http::Url> url = parse_target(impl_->send.url);
  if (!url) return url.error();
  Result<EventTemplate> compiled =
      EventTemplate::compile(impl_->send.event, impl_->run, impl_->load.event_bytes);
  if (!compiled) return compiled.error();
  if (Result<void> ok = check_template(*compiled, impl_->send, impl_->load.batch); !ok) return ok;
  if (Result<void> ok = allow_descriptors(impl_->load.concurrency); !ok) return ok;

  LedgerHeader header;
  header.run = impl_->run;
  header.seed = impl_->seed;
  const Clock& clock = SystemClock::instance();
  header.started = clock.wall_now() - (clock.now() - impl_->epoch);
  header.target = impl_->send.url;
  Result<LedgerWriter> ledger = LedgerWriter::create(impl_->ledger_file, header);
  if (!ledger) return ledger.error();

  LoadEngine::Plan plan{impl_->send, impl_->load, std::move(*url), impl_->epoch, impl_->seed};
  impl_->engine =
      std::make_unique<LoadEngine>(std::move(plan), std::move(*compiled), std::move(*ledger));
  impl_->thread = std::thread([this] {
    impl_->engine->run();
    impl_->finished.store(true, std::memory_order_release);
  });
  return {};
}

void LoadGenerator::end() {
  if (impl_->engine && impl_->thread.joinable()) impl_->engine->request_end();
}

Result<void> LoadGenerator::stop() {
  if (!impl_->engine) return {};
  if (impl_->thread.joinable()) {
    impl_->engine->request_stop();
    impl_->thread.join();
  }
  if (impl_->engine->ledger_error()) return *impl_->engine->ledger_error();
  return {};
}

bool LoadGenerator::finished() const {
  return impl_->finished.load(std::memory_order_acquire);
}

LoadSnapshot LoadGenerator::snapshot() const {
  LoadSnapshot now;
  now.elapsed = SystemClock::instance().now() - impl_->epoch;
  if (!impl_->engine) return now;
  const LoadCounters& counters = impl_->engine->counters;
  now.sent = counters.sent.load(std::memory_order_relaxed);
  now.acked = counters.acked.load(std::memory_order_relaxed);
  now.rejected = counters.rejected.load(std::memory_order_relaxed);
  now.indeterminate = counters.indeterminate.load(std::memory_order_relaxed);
  now.unsent = counters.unsent.load(std::memory_order_relaxed);
  now.in_flight = counters.in_flight.load(std::memory_order_relaxed);
  now.behind = counters.behind.load(std::memory_order_relaxed);
  now.requests = counters.requests.load(std::memory_order_relaxed);
  return now;
}

std::vector<RequestSample> LoadGenerator::take_samples() {
  if (!impl_->engine || impl_->thread.joinable()) return {};
  return std::move(impl_->engine->samples());
}

std::vector<LoadError> LoadGenerator::errors() const {
  std::vector<LoadError> errors;
  if (!impl_->engine || impl_->thread.joinable()) return errors;
  for (const auto& [kind, error] : impl_->engine->errors()) errors.push_back(error);
  std::stable_sort(errors.begin(), errors.end(),
                   [](const auto& a, const auto& b) { return a.requests > b.requests; });
  return errors;
}

}  // namespace stormlog::chaos
