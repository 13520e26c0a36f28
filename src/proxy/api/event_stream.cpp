#include "proxy/api/event_stream.hpp"

#include <nlohmann/json.hpp>

#include "common/base/units.hpp"

namespace stormlog::proxy {
namespace {

constexpr std::chrono::seconds kHeartbeat{15};

nlohmann::ordered_json to_json(const ConnectionEvent& event, WallTime now) {
  nlohmann::ordered_json json{{"time", units::format_rfc3339(now, 6)},
                              {"proxy", event.proxy},
                              {"connection", event.connection},
                              {"client", event.client}};
  using Kind = ConnectionEvent::Kind;
  if (event.kind == Kind::toxic_on || event.kind == Kind::toxic_off) {
    json["toxic"] = event.toxic;
    json["stream"] = to_string(event.stream);
  }
  if (event.kind == Kind::close) {
    json["reason"] = event.reason;
    json["duration_ms"] = std::chrono::duration<double, std::milli>(event.lived).count();
    json["upstream_bytes"] = event.received;
    json["downstream_bytes"] = event.sent;
  }
  return json;
}

}  // namespace

EventStream::EventStream(const Clock& clock)
    : clock_(clock), hub_(std::make_shared<http::EventHub>(kHeartbeat)) {}

EventStream::~EventStream() {
  hub_->detach();
}

void EventStream::attach(boost::asio::any_io_executor executor) {
  hub_->attach(std::move(executor));
}

boost::asio::awaitable<void> EventStream::serve(http::StreamWriter& writer, std::string last_id) {
  return hub_->serve(writer, std::move(last_id), [] { return std::string(": connected\n\n"); });
}

void EventStream::close() {
  hub_->close();
}

bool EventStream::wanted() const {
  return hub_->has_subscribers();
}

void EventStream::publish(const ConnectionEvent& event) {
  const std::string id = std::to_string(++last_id_);
  std::string text = "id: " + id + "\nevent: " + std::string(to_string(event.kind)) + "\ndata: " +
                     to_json(event, clock_.wall_now())
                         .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                     "\n\n";
  hub_->publish(id, std::move(text));
}

}  // namespace stormlog::proxy
