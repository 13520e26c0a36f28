#include "pipeline/consumer/log_json.hpp"

#include "common/base/units.hpp"
#include "pipeline/event/json_text.hpp"

namespace stormlog::pipeline {
namespace {

class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }

  void raw(std::string_view name, std::string_view json) {
    out_ += first_ ? "\"" : ",\"";
    first_ = false;
    out_ += name;
    out_ += "\":";
    out_ += json;
  }
  void text(std::string_view name, std::string_view value) {
    raw(name, {});
    json_text::append_quoted(value, out_);
  }
  void optional_text(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void number(std::string_view name, std::int64_t value) {
    raw(name, {});
    json_text::append_number(value, out_);
  }
  void object(std::string_view name, std::string_view json) {
    raw(name, json.empty() ? "{}" : json);
  }
  void time(std::string_view name, std::int64_t ns) {
    text(name, units::format_rfc3339(WallTime{Nanoseconds{ns}}, 9));
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace

std::string to_json(const EventRecord& event, int partition, std::int64_t offset) {
  std::string out;
  out.reserve(512 + event.body.size() + event.attributes.size() + event.resource.size());
  Object object(out);
  object.text("id", event.id.to_string());
  object.time("timestamp", event.timestamp_ns);
  object.time("observed_timestamp", event.observed_timestamp_ns);
  object.text("service", event.service);
  object.number("severity_number", event.severity_number);
  object.optional_text("severity_text", event.severity_text);
  if (event.body_is_json) {
    object.raw("body", event.body.empty() ? "null" : event.body);
  } else {
    object.text("body", event.body);
  }
  object.optional_text("trace_id", event.trace_id);
  object.optional_text("span_id", event.span_id);
  if (event.trace_flags != 0) object.number("trace_flags", event.trace_flags);
  object.optional_text("event_name", event.event_name);
  object.object("attributes", event.attributes);
  object.object("resource", event.resource);
  object.object("scope", event.scope);
  object.raw("kafka", {});
  Object kafka(out);
  kafka.number("partition", partition);
  kafka.number("offset", offset);
  kafka.end();
  object.end();
  return out;
}

}  // namespace stormlog::pipeline
