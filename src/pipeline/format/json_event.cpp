#include "pipeline/format/json_event.hpp"

#include <algorithm>
#include <charconv>

#include "common/base/units.hpp"
#include "pipeline/event/identity.hpp"
#include "pipeline/event/limits.hpp"
#include "pipeline/format/json_event_members.hpp"

namespace stormlog::pipeline {
namespace {

using simdjson::error_code;

// Reads the members of one record, one after another.
class FieldReader {
 public:
  FieldReader(JsonWalk& walk, EventFields& fields) : walk_(walk), fields_(fields) {}

  error_code read(json_text::RawString raw_name, std::string_view name, ondemand::value& value);
  void finish();

 private:
  error_code read_known(Field field, std::string_view name, ondemand::value& value);
  error_code read_id(ondemand::value& value);
  error_code read_key(ondemand::value& value);
  error_code read_body(std::string_view name, ondemand::value& value);
  error_code read_timestamp(ondemand::value& value);
  error_code read_severity(Field field, std::string_view name, ondemand::value& value);
  error_code read_severity_number(std::string_view name, ondemand::value& value);
  error_code read_hex_id(std::string_view name, ondemand::value& value, std::size_t digits,
                         std::string& out);
  error_code read_trace_flags(ondemand::value& value);
  error_code read_attributes(ondemand::value& value);
  error_code read_resource(ondemand::value& value);
  error_code read_resource_member(json_text::RawString raw, std::string_view name,
                                  ondemand::value& value);
  error_code read_scope(ondemand::value& value);
  error_code read_object(std::string_view name, ondemand::value& value, std::size_t limit,
                         std::string& out);
  void check_count(std::string_view name, std::size_t count, std::size_t limit);
  void check_attribute_names();

  JsonWalk& walk_;
  EventFields& fields_;
  std::string scratch_;
  std::string resource_service_;
  std::string_view body_name_;
  std::string_view severity_name_;
  std::size_t attributes_ = 0;  // with the unknown members
  std::size_t unknown_ = 0;
};

error_code FieldReader::read(json_text::RawString raw_name, std::string_view name,
                             ondemand::value& value) {
  const Field field = field_of(name);
  if (field == Field::other) {
    ++attributes_;
    ++unknown_;
    walk_.attribute_names().push_back(name);
    return walk_.copy_member(raw_name, value, 3, name, fields_.attributes);
  }
  bool null = false;
  if (const error_code error = is_null_value(value, null)) return error;
  return null ? simdjson::SUCCESS : read_known(field, name, value);
}

error_code FieldReader::read_known(Field field, std::string_view name, ondemand::value& value) {
  switch (field) {
    case Field::id:
      return read_id(value);
    case Field::key:
      return read_key(value);
    case Field::body:
      return read_body(name, value);
    case Field::timestamp:
      return read_timestamp(value);
    case Field::service:
      return walk_.read_text(value, limits::kMaxServiceBytes, name, fields_.service);
    case Field::event_name:
      return walk_.read_text(value, limits::kMaxEventNameBytes, name, fields_.event_name);
    case Field::severity:
    case Field::severity_text:
      return read_severity(field, name, value);
    case Field::severity_number:
      return read_severity_number(name, value);
    case Field::trace_id:
      return read_hex_id(name, value, 32, fields_.trace_id);
    case Field::span_id:
      return read_hex_id(name, value, 16, fields_.span_id);
    case Field::trace_flags:
      return read_trace_flags(value);
    case Field::attributes:
      return read_attributes(value);
    case Field::resource:
      return read_resource(value);
    case Field::scope:
      return read_scope(value);
    case Field::observed_timestamp:  // the edge's own; the sender's is not kept
    case Field::other:
      break;
  }
  scratch_.clear();
  return walk_.copy_value(value, 2, name, scratch_);
}

error_code FieldReader::read_id(ondemand::value& value) {
  if (const error_code error = walk_.read_text(value, 64, "id", scratch_)) return error;
  if (walk_.error()) return simdjson::SUCCESS;
  fields_.id = Uuid::parse(scratch_);
  if (!fields_.id || *fields_.id == Uuid{}) {
    walk_.refuse("invalid", "id",
                 "id must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057; leave it out to "
                 "be given one");
  }
  return simdjson::SUCCESS;
}

error_code FieldReader::read_key(ondemand::value& value) {
  return walk_.read_text(value, limits::kMaxKeyBytes, "key", fields_.key.emplace());
}

error_code FieldReader::read_body(std::string_view name, ondemand::value& value) {
  if (!body_name_.empty()) {
    walk_.refuse("duplicate", name, "body and message are the same field: give one of them");
  }
  body_name_ = name;
  return walk_.copy_value(value, 2, name, fields_.body);
}

error_code FieldReader::read_timestamp(ondemand::value& value) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type == ondemand::json_type::number) {
    std::optional<std::int64_t> number;
    if (const error_code error = walk_.read_integer(value, "timestamp", number)) return error;
    if (!number || *number == 0) return simdjson::SUCCESS;  // 0 is "unknown" in OpenTelemetry
    if (*number < limits::kLeastTimestampNumber) {
      walk_.refuse("invalid", "timestamp",
                   "a number is Unix time in nanoseconds, from 1973 on; this one looks like "
                   "another unit. Write RFC 3339 text for times before");
    }
    fields_.timestamp_ns = number;
    return simdjson::SUCCESS;
  }
  if (const error_code error = walk_.read_text(value, 64, "timestamp", scratch_)) return error;
  if (walk_.error()) return simdjson::SUCCESS;
  const auto time = units::parse_rfc3339(scratch_);
  if (!time.ok()) {
    walk_.refuse("invalid", "timestamp", time.error().message);
  } else if (time->time_since_epoch().count() < 0) {
    walk_.refuse("invalid", "timestamp", "the time lies before 1970");
  } else {
    fields_.timestamp_ns = time->time_since_epoch().count();
  }
  return simdjson::SUCCESS;
}

error_code FieldReader::read_severity(Field field, std::string_view name, ondemand::value& value) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (field == Field::severity && type == ondemand::json_type::number) {
    return read_severity_number(name, value);
  }
  if (!severity_name_.empty()) {
    walk_.refuse("duplicate", name,
                 std::string(severity_name_) + " says the same: give one of them");
  }
  severity_name_ = name;
  return walk_.read_text(value, limits::kMaxSeverityTextBytes, name, fields_.severity_text);
}

error_code FieldReader::read_severity_number(std::string_view name, ondemand::value& value) {
  std::optional<std::int64_t> number;
  if (const error_code error = walk_.read_integer(value, name, number)) return error;
  if (!number) return simdjson::SUCCESS;
  if (*number < 0 || *number > 24) {
    walk_.refuse("invalid", name,
                 "a severity number is 1 (TRACE) to 24 (FATAL4), or 0 for none; other scales are "
                 "given as severity_text");
    return simdjson::SUCCESS;
  }
  if (fields_.severity_number) {
    walk_.refuse("duplicate", name, "the severity number is given twice");
  }
  fields_.severity_number = static_cast<int>(*number);
  return simdjson::SUCCESS;
}

error_code FieldReader::read_hex_id(std::string_view name, ondemand::value& value,
                                    std::size_t digits, std::string& out) {
  if (const error_code error = walk_.read_text(value, 64, name, out)) return error;
  // All zero is "none" in W3C Trace Context, and some libraries write it so.
  if (out.find_first_not_of('0') == std::string::npos && (out.empty() || out.size() == digits)) {
    out.clear();
  } else if (!normalise_hex_id(out, digits)) {
    walk_.refuse("invalid", name,
                 std::string(name) + " must be " + std::to_string(digits) + " hex digits");
  }
  return simdjson::SUCCESS;
}

error_code FieldReader::read_trace_flags(ondemand::value& value) {
  std::optional<std::int64_t> number;
  if (const error_code error = walk_.read_integer(value, "trace_flags", number)) return error;
  if (number && (*number < 0 || *number > 255)) {
    walk_.refuse("invalid", "trace_flags", "trace_flags must be 0 to 255");
  } else if (number) {
    fields_.trace_flags = static_cast<int>(*number);
  }
  return simdjson::SUCCESS;
}

void FieldReader::check_count(std::string_view name, std::size_t count, std::size_t limit) {
  if (count <= limit) return;
  walk_.refuse("too_large", name,
               std::string(name) + " has more than " + std::to_string(limit) + " members");
}

error_code FieldReader::read_object(std::string_view name, ondemand::value& value,
                                    std::size_t limit, std::string& out) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type != ondemand::json_type::object) {
    walk_.refuse("invalid", name, std::string(name) + " must be an object");
    scratch_.clear();
    return walk_.copy_value(value, 2, name, scratch_);
  }
  ondemand::object object;
  if (const error_code error = value.get_object().get(object)) return error;
  std::size_t count = 0;
  if (const error_code error = walk_.copy_members(object, 2, name, out, count)) return error;
  check_count(name, count, limit);
  return simdjson::SUCCESS;
}

error_code FieldReader::read_attributes(ondemand::value& value) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type != ondemand::json_type::object) {
    return read_object("attributes", value, limits::kMaxAttributes, fields_.attributes);
  }
  ondemand::object object;
  if (const error_code error = value.get_object().get(object)) return error;
  return walk_.copy_members(object, 2, "attributes", fields_.attributes, attributes_,
                            &walk_.attribute_names());
}

error_code FieldReader::read_resource(ondemand::value& value) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type != ondemand::json_type::object) {
    return read_object("resource", value, limits::kMaxResourceAttributes, fields_.resource);
  }
  ondemand::object object;
  if (const error_code error = value.get_object().get(object)) return error;
  std::size_t count = 0;
  const error_code error = walk_.for_each_member(
      object, "resource",
      [&](json_text::RawString raw, std::string_view member, ondemand::value& item) {
        ++count;
        return read_resource_member(raw, member, item);
      });
  if (error) return error;
  check_count("resource", count, limits::kMaxResourceAttributes);
  return simdjson::SUCCESS;
}

error_code FieldReader::read_resource_member(json_text::RawString raw, std::string_view name,
                                             ondemand::value& value) {
  const std::size_t before = fields_.resource.size();
  if (const error_code error = walk_.copy_member(raw, value, 3, "resource", fields_.resource)) {
    return error;
  }
  if (name != "service.name") return simdjson::SUCCESS;
  // What was just copied, from the value's opening quote on.
  const std::size_t start = fields_.resource.find("\":", before) + 2;
  if (fields_.resource[start] != '"') {
    walk_.refuse("invalid", "resource", "service.name must be a string");
  } else if (json_text::decode(json_text::scan_string(fields_.resource.data() + start + 1),
                               resource_service_) &&
             resource_service_.size() > limits::kMaxServiceBytes) {
    walk_.refuse(
        "too_large", "resource",
        "service.name is longer than " + std::to_string(limits::kMaxServiceBytes) + " bytes");
  }
  return simdjson::SUCCESS;
}

error_code FieldReader::read_scope(ondemand::value& value) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type == ondemand::json_type::string) {  // a logger's name
    fields_.scope = R"("name":)";
    return walk_.copy_value(value, 2, "scope", fields_.scope);
  }
  return read_object("scope", value, limits::kMaxScopeAttributes, fields_.scope);
}

// A member that is unknown, and an attribute of that name.
void FieldReader::check_attribute_names() {
  if (unknown_ == 0 || unknown_ == attributes_) return;
  auto& names = walk_.attribute_names();
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    walk_.refuse("duplicate", *twice,
                 "given both as a member and in attributes, where unknown members go");
  }
}

void FieldReader::finish() {
  check_attribute_names();
  check_count("attributes", attributes_, limits::kMaxAttributes);
  if (fields_.service.empty()) {
    fields_.service = resource_service_;
  } else if (!resource_service_.empty() && resource_service_ != fields_.service) {
    walk_.refuse("invalid", "service",
                 "service and the resource's service.name differ: give one of them");
  }
}

}  // namespace

error_code read_event(ondemand::object& object, JsonWalk& walk, EventFields& fields) {
  FieldReader reader(walk, fields);
  const error_code error = walk.for_each_member(
      object, "", [&](json_text::RawString raw, std::string_view name, ondemand::value& value) {
        return reader.read(raw, name, value);
      });
  if (error) return error;
  reader.finish();
  return simdjson::SUCCESS;
}

}  // namespace stormlog::pipeline
