// OTLP logs in JSON: lowerCamelCase names, ids in hex, 64-bit numbers as strings. Unknown members
// are skipped; a member of the wrong type makes the whole request malformed, as protobuf's own
// readers have it. Source: OTLP specification 1.x, JSON Protobuf Encoding; protobuf.dev, ProtoJSON.
#include "common/base/base64.hpp"
#include "pipeline/event/limits.hpp"
#include "pipeline/format/formats.hpp"
#include "pipeline/format/json_message.hpp"
#include "pipeline/format/json_records.hpp"
#include "pipeline/format/otlp_event.hpp"

namespace stormlog::pipeline {
namespace {

using json_message::for_each_object;
using json_message::read_number;
using simdjson::error_code;

template <typename Read>
error_code for_each(ondemand::object& object, Read read) {
  return json_message::for_each_member(
      object,
      [&](json_text::RawString name, ondemand::value& value) { return read(name.text, value); });
}

class OtlpJsonFormat final : public Format {
 public:
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context) override;

 private:
  error_code read_resource_logs(ondemand::object& logs, RecordWriter& writer);
  error_code read_scope_logs(ondemand::object& logs, RecordWriter& writer);
  error_code read_resource(ondemand::object& logs);
  error_code read_scope(ondemand::object& logs);
  error_code read_record(ondemand::object& record, RecordWriter& writer);
  // Appends a list of attributes, and calls note(name, JSON of the value) for each.
  template <typename Note>
  error_code write_pairs(ondemand::value& list, const MemberWriter::Object& object, int depth,
                         std::string_view field, std::string& out, Note note);
  error_code write_any(ondemand::value& value, int depth, std::string_view field, std::string& out);
  error_code write_kind(std::string_view kind, ondemand::value& value, int depth,
                        std::string_view field, std::string& out);
  error_code write_array(ondemand::value& value, int depth, std::string_view field,
                         std::string& out);
  error_code write_list(ondemand::value& value, int depth, std::string_view field,
                        std::string& out);
  error_code write_double(ondemand::value& value, std::string_view field, std::string& out);

  ondemand::parser parser_;
  OtlpEvent event_;
  json_message::Texts texts_;  // of one resource, scope or record
  bool too_many_ = false;
};

error_code OtlpJsonFormat::write_double(ondemand::value& value, std::string_view field,
                                        std::string& out) {
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  std::string_view token;
  if (type == ondemand::json_type::string) {
    if (const error_code error = texts_.keep(value, token)) return error;
    if (token == "NaN" || token == "Infinity" || token == "-Infinity") {
      event_.members.text(token, field, out);
      return simdjson::SUCCESS;
    }
  } else if (type == ondemand::json_type::number) {
    token = scalar_token(value);
  } else {
    return simdjson::INCORRECT_TYPE;
  }
  const json_text::NumberCheck check = json_text::check_number(token);
  if (check == json_text::NumberCheck::malformed) return simdjson::NUMBER_ERROR;
  if (check == json_text::NumberCheck::out_of_range) {
    event_.members.refuse("invalid", field, "a number does not fit a double");
  }
  out += token;
  return simdjson::SUCCESS;
}

error_code OtlpJsonFormat::write_array(ondemand::value& value, int depth, std::string_view field,
                                       std::string& out) {
  ondemand::object object;
  if (const error_code error = value.get_object().get(object)) return error;
  if (!event_.members.may_nest(depth, field)) return simdjson::SUCCESS;
  out += '[';
  const std::size_t start = out.size();
  const error_code error = for_each(object, [&](std::string_view name, ondemand::value& values) {
    if (name != "values") return simdjson::SUCCESS;
    ondemand::array array;
    if (const error_code failed = values.get_array().get(array)) return failed;
    for (auto element : array) {
      ondemand::value each;
      if (const error_code failed = element.get(each)) return failed;
      if (out.size() > start) out += ',';
      if (const error_code failed = write_any(each, depth + 1, field, out)) return failed;
    }
    return simdjson::SUCCESS;
  });
  out += ']';
  return error;
}

error_code OtlpJsonFormat::write_list(ondemand::value& value, int depth, std::string_view field,
                                      std::string& out) {
  ondemand::object object;
  if (const error_code error = value.get_object().get(object)) return error;
  if (!event_.members.may_nest(depth, field)) return simdjson::SUCCESS;
  out += '{';
  const MemberWriter::Object members = event_.members.open(out);
  const error_code error = for_each(object, [&](std::string_view name, ondemand::value& values) {
    if (name != "values") return simdjson::SUCCESS;
    return write_pairs(values, members, depth + 1, field, out,
                       [](std::string_view, std::string_view) {});
  });
  event_.members.close(members, out);
  out += '}';
  return error;
}

error_code OtlpJsonFormat::write_kind(std::string_view kind, ondemand::value& value, int depth,
                                      std::string_view field, std::string& out) {
  if (kind == "stringValue") {
    std::string_view text;
    if (const error_code error = texts_.keep(value, text)) return error;
    event_.members.text(text, field, out);
  } else if (kind == "boolValue") {
    bool flag = false;
    if (const error_code error = value.get_bool().get(flag)) return error;
    out += flag ? "true" : "false";
  } else if (kind == "intValue") {
    std::int64_t number = 0;
    if (const error_code error = read_number(value, number)) return error;
    json_text::append_number(number, out);
  } else if (kind == "doubleValue") {
    return write_double(value, field, out);
  } else if (kind == "arrayValue") {
    return write_array(value, depth, field, out);
  } else if (kind == "kvlistValue") {
    return write_list(value, depth, field, out);
  } else if (kind == "bytesValue") {
    std::string_view text;
    if (const error_code error = texts_.keep(value, text)) return error;
    if (!is_base64(text)) event_.members.refuse("invalid", field, "bytesValue is not base64");
    event_.members.text(text, field, out);
  }
  return simdjson::SUCCESS;
}

error_code OtlpJsonFormat::write_any(ondemand::value& value, int depth, std::string_view field,
                                     std::string& out) {
  const std::size_t start = out.size();
  bool null = false;
  if (const error_code error = is_null_value(value, null)) return error;
  if (!null) {
    ondemand::object object;
    if (const error_code error = value.get_object().get(object)) return error;
    const error_code error = for_each(object, [&](std::string_view kind, ondemand::value& of_kind) {
      out.resize(start);  // of several kinds the last counts
      return write_kind(kind, of_kind, depth, field, out);
    });
    if (error) return error;
  }
  if (out.size() == start) out += "null";
  return simdjson::SUCCESS;
}

template <typename Note>
error_code OtlpJsonFormat::write_pairs(ondemand::value& list, const MemberWriter::Object& object,
                                       int depth, std::string_view field, std::string& out,
                                       Note note) {
  return for_each_object(list, [&](ondemand::object& pair) {
    std::string_view name;
    ondemand::value member;
    error_code error = pair.find_field_unordered("key").get(member);
    if (!error) error = texts_.keep(member, name);
    if (error && error != simdjson::NO_SUCH_FIELD) return error;
    event_.members.name(object, name, field, out);
    const std::size_t start = out.size();
    error = pair.find_field_unordered("value").get(member);
    if (error == simdjson::NO_SUCH_FIELD) {
      out += "null";
    } else if (error || (error = write_any(member, depth, field, out))) {
      return error;
    }
    note(name, std::string_view(out).substr(start));
    return simdjson::SUCCESS;
  });
}

error_code OtlpJsonFormat::read_resource(ondemand::object& logs) {
  event_.begin_resource();
  texts_.clear();
  std::string& out = event_.resource();
  const MemberWriter::Object object = event_.members.open(out);
  const error_code error = for_each(logs, [&](std::string_view name, ondemand::value& value) {
    if (name != "resource") return simdjson::SUCCESS;
    ondemand::object resource;
    if (const error_code failed = value.get_object().get(resource)) return failed;
    return for_each(resource, [&](std::string_view member, ondemand::value& attributes) {
      if (member != "attributes") return simdjson::SUCCESS;
      return write_pairs(attributes, object, 3, "resource", out,
                         [&](std::string_view attribute, std::string_view json) {
                           event_.resource_attribute(attribute, json);
                         });
    });
  });
  event_.end_resource(event_.members.close(object, out));
  return error;
}

error_code OtlpJsonFormat::read_scope(ondemand::object& logs) {
  event_.begin_scope();
  texts_.clear();
  std::string_view name;
  std::string_view version;
  std::string_view schema_url;
  std::string& attributes = event_.scope_attributes();
  const MemberWriter::Object object = event_.members.open(attributes);
  const auto read_member = [&](std::string_view member, ondemand::value& value) {
    if (member == "name") return texts_.keep(value, name);
    if (member == "version") return texts_.keep(value, version);
    if (member != "attributes") return simdjson::SUCCESS;
    return write_pairs(value, object, 4, "scope", attributes,
                       [](std::string_view, std::string_view) {});
  };
  const error_code error = for_each(logs, [&](std::string_view member, ondemand::value& value) {
    if (member == "schemaUrl") return texts_.keep(value, schema_url);
    if (member != "scope") return simdjson::SUCCESS;
    ondemand::object scope;
    if (const error_code failed = value.get_object().get(scope)) return failed;
    return for_each(scope, read_member);
  });
  event_.end_scope(event_.members.close(object, attributes), name, version, schema_url);
  return error;
}

error_code OtlpJsonFormat::read_record(ondemand::object& record, RecordWriter& writer) {
  event_.begin_record();
  texts_.clear();
  EventFields& fields = event_.fields();
  MemberWriter& members = event_.members;
  const MemberWriter::Object object = members.open(fields.attributes);
  std::uint64_t time = 0;
  std::uint64_t observed = 0;
  std::uint32_t dropped = 0;
  const auto take_text = [&](ondemand::value& value, std::size_t limit, std::string_view field,
                             std::string& out) {
    std::string_view text;
    const error_code error = texts_.keep(value, text);
    if (!error) members.take_text(text, limit, field, out);
    return error;
  };
  const error_code error = for_each(record, [&](std::string_view name, ondemand::value& value) {
    error_code failed = simdjson::SUCCESS;
    std::string_view id;
    if (name == "timeUnixNano") return read_number(value, time);
    if (name == "observedTimeUnixNano") return read_number(value, observed);
    if (name == "droppedAttributesCount") return read_number(value, dropped);
    if (name == "body") {
      fields.body.clear();
      return write_any(value, 2, "body", fields.body);
    }
    if (name == "attributes") {
      return write_pairs(value, object, 3, "attributes", fields.attributes,
                         [&](std::string_view attribute, std::string_view json) {
                           event_.note_attribute(attribute, json);
                         });
    }
    if (name == "severityText") {
      return take_text(value, limits::kMaxSeverityTextBytes, "severity_text", fields.severity_text);
    }
    if (name == "eventName") {
      return take_text(value, limits::kMaxEventNameBytes, "event_name", fields.event_name);
    }
    if (name == "severityNumber") {
      std::int64_t number = 0;
      if (!(failed = read_number(value, number))) event_.take_severity(number);
    } else if (name == "flags") {
      std::uint32_t flags = 0;
      if (!(failed = read_number(value, flags))) event_.take_flags(flags);
    } else if (name == "traceId") {
      if (!(failed = texts_.keep(value, id))) event_.take_trace_id(id);
    } else if (name == "spanId") {
      if (!(failed = texts_.keep(value, id))) event_.take_span_id(id);
    }
    return failed;
  });
  if (error) return error;
  event_.take_times(time, observed);
  event_.end_attributes(members.close(object, fields.attributes), dropped);
  event_.end_record(writer);
  return simdjson::SUCCESS;
}

error_code OtlpJsonFormat::read_scope_logs(ondemand::object& logs, RecordWriter& writer) {
  // The scope may stand behind its records.
  if (const error_code error = read_scope(logs)) return error;
  if (const error_code error = logs.reset().error()) return error;
  return for_each(logs, [&](std::string_view name, ondemand::value& value) {
    if (name != "logRecords") return simdjson::SUCCESS;
    return for_each_object(value, [&](ondemand::object& record) {
      too_many_ = too_many_ || writer.full();
      return too_many_ ? simdjson::CAPACITY : read_record(record, writer);
    });
  });
}

error_code OtlpJsonFormat::read_resource_logs(ondemand::object& logs, RecordWriter& writer) {
  if (const error_code error = read_resource(logs)) return error;
  if (const error_code error = logs.reset().error()) return error;
  return for_each(logs, [&](std::string_view name, ondemand::value& value) {
    if (name != "scopeLogs") return simdjson::SUCCESS;
    return for_each_object(value,
                           [&](ondemand::object& scope) { return read_scope_logs(scope, writer); });
  });
}

Result<ParsedRecords> OtlpJsonFormat::parse(std::string& body, const IngestContext& context) {
  return json_message::parse_message(parser_, body, context, "resourceLogs", too_many_,
                                     [this](ondemand::object& logs, RecordWriter& writer) {
                                       return read_resource_logs(logs, writer);
                                     });
}

}  // namespace

std::unique_ptr<Format> otlp_json_format() {
  return std::make_unique<OtlpJsonFormat>();
}

}  // namespace stormlog::pipeline
