#include "pipeline/format/otlp_event.hpp"

#include <array>

#include "pipeline/event/identity.hpp"
#include "pipeline/event/json_text.hpp"
#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {
namespace {

// The text of a JSON string; "" for any other value.
std::string text_of(std::string_view json) {
  std::string text;
  if (json.size() >= 2 && json.front() == '"') {
    json_text::decode({json.substr(1, json.size() - 2), true}, text);
  }
  return text;
}

// The 128 bits of a ULID. Source: github.com/ulid/spec: Crockford's base32, 26 characters.
std::optional<Uuid> parse_ulid(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  if (text.size() != 26 || text.front() > '7') return std::nullopt;
  Uuid id;
  for (const char c : text) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    const std::size_t digit = kDigits.find(upper);
    if (digit == std::string_view::npos) return std::nullopt;
    // Shifts all bytes to the left by five bits.
    unsigned carry = static_cast<unsigned>(digit);
    for (std::size_t i = id.bytes.size(); i-- > 0;) {
      const unsigned shifted = (static_cast<unsigned>(id.bytes[i]) << 5) | carry;
      id.bytes[i] = static_cast<std::uint8_t>(shifted);
      carry = shifted >> 8;
    }
  }
  return id;
}

Uuid id_of_uid(const std::string& uid) {
  auto id = Uuid::parse(uid);
  if (!id) id = parse_ulid(uid);
  return id && *id != Uuid{} ? *id : content_id("log.record.uid", {uid});
}

}  // namespace

void OtlpEvent::begin_resource() {
  members.begin_record();
  resource_.clear();
  service_.clear();
}

void OtlpEvent::resource_attribute(std::string_view name, std::string_view json) {
  if (name != "service.name") return;
  members.take_text(text_of(json), limits::kMaxServiceBytes, "service.name", service_);
}

void OtlpEvent::end_resource(std::size_t attributes) {
  if (attributes > limits::kMaxResourceAttributes) {
    members.refuse("too_large", "resource",
                   "the resource has more than " + std::to_string(limits::kMaxResourceAttributes) +
                       " attributes");
  }
  resource_error_ = members.error();
}

void OtlpEvent::begin_scope() {
  members.begin_record();
  scope_.clear();
  scope_attributes_.clear();
}

void OtlpEvent::end_scope(std::size_t attributes, std::string_view name, std::string_view version,
                          std::string_view schema_url) {
  if (attributes > limits::kMaxScopeAttributes) {
    members.refuse(
        "too_large", "scope",
        "the scope has more than " + std::to_string(limits::kMaxScopeAttributes) + " attributes");
  }
  const MemberWriter::Object object = members.open(scope_);
  const auto add = [&](std::string_view member, std::string_view text) {
    if (text.empty()) return;
    members.name(object, member, "scope", scope_);
    members.text(text, "scope", scope_);
  };
  add("name", name);
  add("version", version);
  add("schema_url", schema_url);
  if (!scope_attributes_.empty()) {
    members.name(object, "attributes", "scope", scope_);
    scope_ += '{' + scope_attributes_ + '}';
  }
  members.close(object, scope_);
  scope_error_ = members.error();
}

void OtlpEvent::begin_record() {
  members.begin_record();
  fields_.clear();
  if (resource_error_) {
    members.refuse(resource_error_->code, resource_error_->field, resource_error_->detail);
  }
  if (scope_error_) members.refuse(scope_error_->code, scope_error_->field, scope_error_->detail);
}

void OtlpEvent::take_times(std::uint64_t time_unix_ns, std::uint64_t observed_unix_ns) {
  members.take_time(time_unix_ns, "time_unix_nano", fields_.timestamp_ns);
  // The data model's advice for records without a time of their own.
  if (time_unix_ns == 0) {
    members.take_time(observed_unix_ns, "observed_time_unix_nano", fields_.timestamp_ns);
  }
}

void OtlpEvent::take_severity(std::int64_t number) {
  if (number < 0 || number > 24) {
    return members.refuse("invalid", "severity_number", "severity_number is 0 to 24");
  }
  if (number != 0) fields_.severity_number = static_cast<int>(number);
}

void OtlpEvent::take_trace_id(std::string_view hex) {
  fields_.trace_id = hex;
  if (!normalise_hex_id(fields_.trace_id, 32)) fields_.trace_id.clear();
}

void OtlpEvent::take_span_id(std::string_view hex) {
  fields_.span_id = hex;
  if (!normalise_hex_id(fields_.span_id, 16)) fields_.span_id.clear();
}

void OtlpEvent::take_flags(std::uint32_t flags) {
  // The other bits are reserved.
  if ((flags & 0xFF) != 0) fields_.trace_flags = static_cast<int>(flags & 0xFF);
}

void OtlpEvent::note_attribute(std::string_view name, std::string_view json) {
  if (name != "log.record.uid") return;
  const std::string uid = text_of(json);
  if (!uid.empty()) fields_.id = id_of_uid(uid);
}

void OtlpEvent::end_attributes(std::size_t count, std::uint32_t dropped) {
  if (count > limits::kMaxAttributes) {
    members.refuse("too_large", "attributes",
                   "more than " + std::to_string(limits::kMaxAttributes) + " attributes");
  }
  if (dropped == 0) return;
  // The name that it has outside of OTLP. Source: OpenTelemetry, mapping to non-OTLP formats.
  if (!fields_.attributes.empty()) fields_.attributes += ',';
  fields_.attributes += R"("otel.dropped_attributes_count":)";
  json_text::append_number(dropped, fields_.attributes);
}

void OtlpEvent::end_record(RecordWriter& writer) {
  if (members.error()) return writer.refuse(*members.error());
  fields_.service = service_;
  fields_.resource = resource_;
  fields_.scope = scope_;
  writer.add(fields_);
}

}  // namespace stormlog::pipeline
