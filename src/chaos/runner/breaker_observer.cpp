#include "chaos/runner/breaker_observer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/http/curl_client.hpp"
#include "common/telemetry/metrics.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

constexpr Nanoseconds kPollInterval = std::chrono::milliseconds{50};
constexpr Nanoseconds kReconnectInterval = std::chrono::milliseconds{50};
// A service's own stamp is believed when it is this near to our receipt: same machine, same clock.
constexpr Nanoseconds kBelievableSkew = std::chrono::seconds{1};

bool in_trouble(const std::string& state) {
  return state == "open" || state == "half_open";
}

}  // namespace

BreakerObserver::BreakerObserver(const Stack& stack, Journal& journal) : journal_(journal) {
  for (const ServiceSpec& service : stack.services) {
    if (service.metrics_url.empty() && service.breaker_events_url.empty()) continue;
    Source source{service.name, service.metrics_url, service.breaker_events_url, {}};
    for (const auto& [name, value] : service.headers) source.headers.add(name, value);
    sources_.push_back(std::move(source));
  }
}

BreakerObserver::~BreakerObserver() {
  stop();
}

void BreakerObserver::start() {
  for (const Source& source : sources_) {
    threads_.emplace_back([this, &source] { follow(source); });
  }
}

void BreakerObserver::stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void BreakerObserver::wait_until_connected(Nanoseconds at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [this] { return connected_.size() >= sources_.size(); });
}

void BreakerObserver::follow(const Source& source) {
  if (source.events_url.empty()) {
    poll_metrics(source);
  } else {
    follow_events(source);
  }
}

void BreakerObserver::follow_events(const Source& source) {
  http::FetchRequest request;
  request.url = source.events_url;
  request.headers = source.headers;
  request.headers.add("Accept", "text/event-stream");
  request.timeout = std::chrono::milliseconds{0};
  while (!stop_) {
    const auto ended =
        http::read_event_stream(request, stop_, [&](std::string_view event, std::string_view data) {
          on_event(source, event, data);
          return !stop_;
        });
    // Other errors are a service that is down: normal here, and it shows as a process event.
    if (!ended.ok() && ended.error().code == "STATUS") refused(source, ended.error().message);
    if (!stop_) std::this_thread::sleep_for(kReconnectInterval);
  }
}

void BreakerObserver::on_event(const Source& source, std::string_view event,
                               std::string_view data) {
  const Json json = Json::parse(data, nullptr, false);
  if (!json.is_object()) return;
  if (event == "snapshot") {
    for (const Json& breaker : json.value("breakers", Json::array())) {
      on_state(source, breaker.value("name", ""), breaker.value("state", ""), "events");
    }
    connected(source.service);
    return;
  }
  if (event != "transition") return;
  const Nanoseconds received = journal_.now();
  const WallTime wall_now = SystemClock::instance().wall_now();
  Nanoseconds at = received;
  const auto stamp = json.value("at_unix_ns", std::int64_t{0});
  const Nanoseconds ago = wall_now - WallTime{Nanoseconds{stamp}};
  if (ago >= -kBelievableSkew && ago <= kBelievableSkew) at = std::min(received, received - ago);
  record({source.service, json.value("breaker", ""), json.value("from", ""), json.value("to", ""),
          at, "events"});
}

void BreakerObserver::poll_metrics(const Source& source) {
  http::FetchRequest request;
  request.url = source.metrics_url;
  request.headers = source.headers;
  request.timeout = std::chrono::milliseconds{2'000};
  while (!stop_) {
    const auto page = http::fetch(request);
    if (page.ok() && page->status == 200) {
      std::string error;
      for (const auto& sample : telemetry::parse_exposition(page->body, &error)) {
        if (sample.name != "resilience4j_circuitbreaker_state" || sample.value != 1) continue;
        const auto name = sample.labels.find("name");
        const auto state = sample.labels.find("state");
        if (name == sample.labels.end() || state == sample.labels.end()) continue;
        on_state(source, name->second, state->second, "metrics");
      }
      connected(source.service);
    } else if (page.ok()) {
      refused(source, source.metrics_url + ": status " + std::to_string(page->status));
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

void BreakerObserver::on_state(const Source& source, const std::string& breaker,
                               const std::string& state, const char* how) {
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    std::string& known = states_[source.service + "/" + breaker];
    if (std::find(names_.begin(), names_.end(), breaker) == names_.end()) names_.push_back(breaker);
    before = known;
    if (known.empty()) known = state;
  }
  if (before.empty() || before == state) return;
  record({source.service, breaker, before, state, journal_.now(), how});
}

void BreakerObserver::record(BreakerTransition transition) {
  {
    const std::lock_guard lock(mutex_);
    states_[transition.service + "/" + transition.breaker] = transition.to;
    if (std::find(names_.begin(), names_.end(), transition.breaker) == names_.end()) {
      names_.push_back(transition.breaker);
    }
    transitions_.push_back(transition);
  }
  journal_.write_at("breaker_transition", transition.at,
                    {{"service", transition.service},
                     {"breaker", transition.breaker},
                     {"from", transition.from},
                     {"to", transition.to},
                     {"source", transition.source}});
}

void BreakerObserver::connected(const std::string& service) {
  const std::lock_guard lock(mutex_);
  if (std::find(connected_.begin(), connected_.end(), service) != connected_.end()) return;
  connected_.push_back(service);
  changed_.notify_all();
}

void BreakerObserver::refused(const Source& source, const std::string& error) {
  {
    const std::lock_guard lock(mutex_);
    if (!refused_.emplace(source.service, error).second) return;
  }
  journal_.write("breakers_refused", {{"service", source.service}, {"error", error}});
}

std::vector<BreakerTransition> BreakerObserver::transitions() const {
  const std::lock_guard lock(mutex_);
  auto sorted = transitions_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  return sorted;
}

std::vector<std::string> BreakerObserver::breakers() const {
  const std::lock_guard lock(mutex_);
  return names_;
}

std::vector<std::string> BreakerObserver::refusals() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [service, error] : refused_) all.push_back(service + ": " + error);
  return all;
}

Nanoseconds BreakerObserver::last_change() const {
  const std::lock_guard lock(mutex_);
  Nanoseconds last = Nanoseconds::min();
  for (const BreakerTransition& transition : transitions_) last = std::max(last, transition.at);
  return last;
}

bool BreakerObserver::all_closed() const {
  const std::lock_guard lock(mutex_);
  return std::none_of(states_.begin(), states_.end(),
                      [](const auto& entry) { return in_trouble(entry.second); });
}

}  // namespace stormlog::chaos
