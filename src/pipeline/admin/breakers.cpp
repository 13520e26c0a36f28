#include "pipeline/admin/breakers.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/log.hpp"
#include "common/base/units.hpp"
#include "common/http/event_hub.hpp"
#include "common/service/service.hpp"
#include "pipeline/admin/breaker_metrics.hpp"
#include "pipeline/auth/audit.hpp"
#include "resilience/circuit_breaker.hpp"
#include "resilience/prometheus.hpp"

namespace stormlog::pipeline {

namespace asio = boost::asio;
namespace {

using nlohmann::ordered_json;
using resilience::BreakerEvent;
using resilience::BreakerState;

std::int64_t since_epoch(auto time) {
  return std::chrono::duration_cast<Nanoseconds>(time.time_since_epoch()).count();
}

std::string transition_text(const std::string& id, const BreakerEvent& event, MonotonicTime seen) {
  ordered_json data;
  data["breaker"] = event.breaker;
  data["from"] = resilience::to_string(event.from);
  data["to"] = resilience::to_string(event.to);
  data["at"] = units::format_rfc3339(event.at, 9);
  data["at_unix_ns"] = since_epoch(event.at);
  data["monotonic_ns"] = since_epoch(seen);
  data["sequence"] = event.sequence;
  return "event: transition\nid: " + id + "\ndata: " + data.dump() + "\n\n";
}

ordered_json describe(const resilience::CircuitBreaker& breaker,
                      const resilience::CircuitBreaker::Metrics& metrics) {
  ordered_json json;
  json["name"] = breaker.name();
  json["state"] = resilience::to_string(metrics.state);
  json["failure_rate"] = resilience::prometheus::published_rate(metrics.failure_rate_percent);
  json["slow_call_rate"] = resilience::prometheus::published_rate(metrics.slow_rate_percent);
  json["buffered_calls"] = metrics.buffered;
  json["failed_calls"] = metrics.buffered_failed;
  json["slow_calls"] = metrics.buffered_slow;
  json["not_permitted_calls"] = metrics.not_permitted;
  json["transitions"] = metrics.transitions;
  return json;
}

// What people may do to a breaker.
struct Action {
  std::string_view name;
  void (*apply)(resilience::CircuitBreaker&);
};
constexpr std::array<Action, 5> kActions = {{
    {"force_open", [](auto& breaker) { breaker.transition_to(BreakerState::forced_open); }},
    {"close", [](auto& breaker) { breaker.transition_to(BreakerState::closed); }},
    {"disable", [](auto& breaker) { breaker.transition_to(BreakerState::disabled); }},
    {"metrics_only", [](auto& breaker) { breaker.transition_to(BreakerState::metrics_only); }},
    {"reset", [](auto& breaker) { breaker.reset(); }},
}};

Result<const Action*> parse_action(const std::string& body) {
  const auto document = nlohmann::json::parse(body, nullptr, false);
  if (document.is_object() && document.size() == 1 && document.contains("action") &&
      document["action"].is_string()) {
    for (const Action& action : kActions) {
      if (document["action"] == action.name) return &action;
    }
  }
  std::string names;
  for (const Action& action : kActions) {
    names.append(names.empty() ? "" : ", ").append(action.name);
  }
  return Error::permanent("the body must be {\"action\": \"…\"} with one of " + names);
}

bool is_clean(const std::string& name) {
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return !name.empty();
}

}  // namespace

struct BreakerRegistry::Impl {
  Impl(const Clock& source, std::chrono::milliseconds heartbeat)
      : clock(source), hub(std::make_shared<http::EventHub>(heartbeat)) {}

  std::string list() {
    ordered_json all = ordered_json::array();
    for (auto& reading : readings) all.push_back(describe(reading.breaker(), reading.read()));
    ordered_json body;
    body["breakers"] = std::move(all);
    return body.dump();
  }

  http::Response change(const http::Request& request) {
    const std::string name(request.path_param("name"));
    const auto found = std::find_if(readings.begin(), readings.end(), [&](const auto& reading) {
      return reading.breaker().name() == name;
    });
    if (found == readings.end()) return http::problem(404, "no breaker is called \"" + name + "\"");
    const Result<const Action*> action = parse_action(request.body);
    if (!action) return http::problem(400, action.error().message);
    (*action)->apply(found->breaker());
    audit(request, "breaker " + std::string((*action)->name), name,
          resilience::to_string(found->breaker().state()));
    return http::Response::json(200, describe(found->breaker(), found->read()).dump());
  }

  const Clock& clock;
  std::shared_ptr<http::EventHub> hub;
  std::vector<BreakerReading> readings;
};

BreakerRegistry::BreakerRegistry(const Clock& clock, std::chrono::milliseconds heartbeat)
    : impl_(std::make_shared<Impl>(clock, heartbeat)) {}

BreakerRegistry::~BreakerRegistry() {
  impl_->hub->detach();
  impl_->hub->close();
}

void BreakerRegistry::add(std::shared_ptr<resilience::CircuitBreaker> breaker) {
  if (!is_clean(breaker->name())) throw std::invalid_argument("bad breaker name");
  for (const auto& reading : impl_->readings) {
    if (reading.breaker().name() == breaker->name()) {
      throw std::invalid_argument("breaker " + breaker->name() + " exists already");
    }
  }
  // The clock is the caller's and outlives the breakers; the hub may not.
  breaker->on_event(
      [hub = std::weak_ptr(impl_->hub), &clock = impl_->clock](const BreakerEvent& event) {
        if (event.type != BreakerEvent::Type::state_transition) return;
        const auto to = hub.lock();
        if (!to) return;
        try {
          const std::string id = event.breaker + ":" + std::to_string(event.sequence);
          to->publish(id, transition_text(id, event, clock.now()));
        } catch (const std::exception& error) {
          log::warn("a transition of a circuit breaker could not be told",
                    {{"breaker", event.breaker}, {"error", error.what()}});
        }
      });
  impl_->readings.emplace_back(std::move(breaker));
}

void BreakerRegistry::install(service::Service& service) {
  using http::Request;
  using http::Response;
  impl_->hub->attach(service.io().get_executor());
  service.router().add("GET", "/admin/breakers",
                       [impl = impl_](Request&) -> asio::awaitable<Response> {
                         Response response = Response::json(200, impl->list());
                         response.headers.set("Cache-Control", "no-store");
                         co_return response;
                       });
  service.router().add("POST", "/admin/breakers/{name}",
                       [impl = impl_](Request& request) -> asio::awaitable<Response> {
                         Response response = impl->change(request);
                         response.headers.set("Cache-Control", "no-store");
                         co_return response;
                       });
  service.router().add_stream(
      "GET", "/admin/breakers/events",
      [impl = impl_](Request& request) -> asio::awaitable<std::pair<Response, http::Stream>> {
        Response head;
        head.headers.set("Content-Type", "text/event-stream");
        head.headers.set("Cache-Control", "no-store");
        std::string last_id(request.headers.get("Last-Event-ID"));
        http::Stream stream = [impl, last_id](http::StreamWriter& writer) {
          return impl->hub->serve(writer, last_id, [impl] {
            return "event: snapshot\ndata: " + impl->list() + "\n\n";
          });
        };
        co_return std::pair(std::move(head), std::move(stream));
      });
  service.on_drain([impl = impl_]() -> asio::awaitable<void> {
    impl->hub->close();
    co_return;
  });
  export_breakers(service.metrics(),
                  [impl = impl_]() -> std::vector<BreakerReading>& { return impl->readings; });
}

}  // namespace stormlog::pipeline
