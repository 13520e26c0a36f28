#include "pipeline/format/loki_event.hpp"

#include <algorithm>
#include <array>

#include "pipeline/event/identity.hpp"
#include "pipeline/event/json_text.hpp"
#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {
namespace {

// The labels that name a service, the best one first: as Loki itself looks for them.
// Source: Loki, discover_service_name.
constexpr std::array<std::string_view, 12> kServiceLabels = {
    "service_name", "service",        "app",       "application", "name", "app_kubernetes_io_name",
    "container",    "container_name", "component", "workload",    "job",  "k8s_job_name"};

// Takes the value of a name that says how severe an entry is, where it is fit to be that.
void take_level(std::string_view name, std::string_view value, std::string& out) {
  const bool is_level =
      name == "level" || name == "severity" || name == "severity_text" || name == "detected_level";
  if (!is_level || value.size() > limits::kMaxSeverityTextBytes) return;
  if (value.find('\0') == std::string_view::npos) out = value;
}

}  // namespace

void LokiEvent::begin_stream() {
  members_.begin_record();
  labels_.clear();
  service_.clear();
  service_rank_ = kServiceLabels.size();
  level_.clear();
  object_ = members_.open(labels_);
}

void LokiEvent::label(std::string_view name, std::string_view value) {
  members_.name(object_, name, "stream", labels_);
  members_.text(value, "stream", labels_);
  const auto rank = static_cast<std::size_t>(
      std::find(kServiceLabels.begin(), kServiceLabels.end(), name) - kServiceLabels.begin());
  if (rank < service_rank_ && !value.empty()) {
    service_rank_ = rank;
    members_.take_text(value, limits::kMaxServiceBytes, name, service_);
  }
  take_level(name, value, level_);
}

void LokiEvent::refuse_stream(std::string code, std::string_view field, std::string detail) {
  members_.refuse(std::move(code), field, std::move(detail));
}

void LokiEvent::end_stream() {
  if (members_.close(object_, labels_) > limits::kMaxResourceAttributes) {
    members_.refuse(
        "too_large", "stream",
        "the stream has more than " + std::to_string(limits::kMaxResourceAttributes) + " labels");
  }
  stream_error_ = members_.error();
}

void LokiEvent::begin_entry() {
  members_.begin_record();
  fields_.clear();
  if (stream_error_) {
    members_.refuse(stream_error_->code, stream_error_->field, stream_error_->detail);
  }
  fields_.severity_text = level_;
  object_ = members_.open(fields_.attributes);
}

void LokiEvent::take_time(std::uint64_t unix_ns) {
  if (unix_ns == 0) return members_.refuse("invalid", "timestamp", "the timestamp is 0");
  members_.take_time(unix_ns, "timestamp", fields_.timestamp_ns);
}

void LokiEvent::refuse(std::string code, std::string_view field, std::string detail) {
  members_.refuse(std::move(code), field, std::move(detail));
}

void LokiEvent::take_line(std::string_view line) {
  fields_.body.clear();
  members_.text(line, "line", fields_.body);
}

void LokiEvent::metadata(std::string_view name, std::string_view value) {
  members_.name(object_, name, "metadata", fields_.attributes);
  members_.text(value, "metadata", fields_.attributes);
  take_level(name, value, fields_.severity_text);
  if (name == "trace_id" || name == "traceID") {
    fields_.trace_id = value;
    if (!normalise_hex_id(fields_.trace_id, 32)) fields_.trace_id.clear();
  } else if (name == "span_id" || name == "spanID") {
    fields_.span_id = value;
    if (!normalise_hex_id(fields_.span_id, 16)) fields_.span_id.clear();
  }
}

void LokiEvent::end_entry(RecordWriter& writer) {
  if (members_.close(object_, fields_.attributes) > limits::kMaxAttributes) {
    members_.refuse("too_large", "metadata",
                    "more than " + std::to_string(limits::kMaxAttributes) + " names");
  }
  if (members_.error()) return writer.refuse(*members_.error());
  std::string time;
  json_text::append_number(fields_.timestamp_ns.value_or(0), time);
  fields_.id = content_id("loki", {labels_, time, fields_.body, fields_.attributes});
  fields_.service = service_;
  fields_.resource = labels_;
  writer.add(fields_);
}

}  // namespace stormlog::pipeline
