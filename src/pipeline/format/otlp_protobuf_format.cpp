// OTLP logs in protobuf, read field by field without a copy. Enumerations below are the numbers of
// the fields. Source: opentelemetry-proto 1.x, collector/logs/v1, logs/v1, resource/v1, common/v1.
#include <utility>

#include "pipeline/event/json_text.hpp"
#include "pipeline/event/limits.hpp"
#include "pipeline/format/formats.hpp"
#include "pipeline/format/otlp_event.hpp"
#include "pipeline/format/protobuf.hpp"

namespace stormlog::pipeline {
namespace {

using protobuf::bytes;
using protobuf::delimited;
using protobuf::fixed32;
using protobuf::fixed64;
using protobuf::message;
using protobuf::varint;
using Message = protobuf::Message;

enum ExportRequest : std::uint32_t { kResourceLogs = 1 };
enum ResourceLogs : std::uint32_t { kResource = 1, kScopeLogs = 2 };
enum Resource : std::uint32_t { kResourceAttributes = 1 };
enum ScopeLogs : std::uint32_t { kScope = 1, kLogRecords = 2, kSchemaUrl = 3 };
enum Scope : std::uint32_t { kScopeName = 1, kScopeVersion = 2, kScopeAttributes = 3 };
enum LogRecord : std::uint32_t {
  kTime = 1,
  kSeverityNumber = 2,
  kSeverityText = 3,
  kBody = 5,
  kAttributes = 6,
  kDroppedAttributes = 7,
  kFlags = 8,
  kTraceId = 9,
  kSpanId = 10,
  kObservedTime = 11,
  kEventName = 12,
};
enum KeyValue : std::uint32_t { kKey = 1, kValue = 2 };
enum AnyValue : std::uint32_t {
  kString = 1,
  kBool = 2,
  kInt = 3,
  kDouble = 4,
  kArray = 5,
  kList = 6,
  kBytes = 7,
};
enum ListValue : std::uint32_t { kValues = 1 };  // of arrays and lists of pairs alike

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

class OtlpProtobufFormat final : public Format {
 public:
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context) override;

 private:
  // False when there are too many records.
  bool read_resource_logs(std::string_view logs, RecordWriter& writer);
  bool read_scope_logs(std::string_view logs, RecordWriter& writer);
  void read_resource(std::string_view logs);
  void read_scope(std::string_view logs);
  void read_record(std::string_view record, RecordWriter& writer);
  // Appends one attribute; its name, and where its value starts.
  std::pair<std::string_view, std::size_t> write_pair(std::string_view pair,
                                                      const MemberWriter::Object& object, int depth,
                                                      std::string_view field, std::string& out);
  void write_value(std::string_view value, int depth, std::string_view field, std::string& out);
  void write_array(std::string_view array, int depth, std::string_view field, std::string& out);
  void write_list(std::string_view list, int depth, std::string_view field, std::string& out);

  OtlpEvent event_;
};

void OtlpProtobufFormat::write_value(std::string_view value, int depth, std::string_view field,
                                     std::string& out) {
  const std::size_t start = out.size();
  // Of one that is given twice the last counts.
  for (Message any = message(value); any.next();) {
    switch (any.tag_and_type()) {
      case delimited(kString):
        out.resize(start);
        event_.members.text(bytes(any), field, out);
        break;
      case varint(kBool):
        out.resize(start);
        out += any.get_bool() ? "true" : "false";
        break;
      case varint(kInt):
        out.resize(start);
        json_text::append_number(any.get_int64(), out);
        break;
      case fixed64(kDouble):
        out.resize(start);
        MemberWriter::number(any.get_double(), out);
        break;
      case delimited(kArray):
        out.resize(start);
        write_array(bytes(any), depth, field, out);
        break;
      case delimited(kList):
        out.resize(start);
        write_list(bytes(any), depth, field, out);
        break;
      case delimited(kBytes):
        out.resize(start);
        MemberWriter::bytes(bytes(any), out);
        break;
      default:
        any.skip();
    }
  }
  if (out.size() == start) out += "null";
}

void OtlpProtobufFormat::write_array(std::string_view array, int depth, std::string_view field,
                                     std::string& out) {
  if (!event_.members.may_nest(depth, field)) return;
  out += '[';
  const std::size_t start = out.size();
  for (Message values = message(array); values.next();) {
    if (values.tag_and_type() != delimited(kValues)) {
      values.skip();
      continue;
    }
    if (out.size() > start) out += ',';
    write_value(bytes(values), depth + 1, field, out);
  }
  out += ']';
}

void OtlpProtobufFormat::write_list(std::string_view list, int depth, std::string_view field,
                                    std::string& out) {
  if (!event_.members.may_nest(depth, field)) return;
  out += '{';
  const MemberWriter::Object object = event_.members.open(out);
  for (Message pairs = message(list); pairs.next();) {
    if (pairs.tag_and_type() == delimited(kValues)) {
      write_pair(bytes(pairs), object, depth + 1, field, out);
    } else {
      pairs.skip();
    }
  }
  event_.members.close(object, out);
  out += '}';
}

std::pair<std::string_view, std::size_t> OtlpProtobufFormat::write_pair(
    std::string_view pair, const MemberWriter::Object& object, int depth, std::string_view field,
    std::string& out) {
  std::string_view key;
  std::string_view value;
  for (Message fields = message(pair); fields.next();) {
    switch (fields.tag_and_type()) {
      case delimited(kKey):
        key = bytes(fields);
        break;
      case delimited(kValue):
        value = bytes(fields);
        break;
      default:
        fields.skip();
    }
  }
  event_.members.name(object, key, field, out);
  const std::size_t start = out.size();
  write_value(value, depth, field, out);
  return {key, start};
}

void OtlpProtobufFormat::read_resource(std::string_view logs) {
  event_.begin_resource();
  std::string& out = event_.resource();
  const MemberWriter::Object object = event_.members.open(out);
  for (Message parts = message(logs); parts.next(kResource);) {
    if (parts.wire_type() != protozero::pbf_wire_type::length_delimited) {
      parts.skip();
      continue;
    }
    for (Message resource = message(bytes(parts)); resource.next();) {
      if (resource.tag_and_type() != delimited(kResourceAttributes)) {
        resource.skip();
        continue;
      }
      const auto [name, start] = write_pair(bytes(resource), object, 3, "resource", out);
      event_.resource_attribute(name, std::string_view(out).substr(start));
    }
  }
  event_.end_resource(event_.members.close(object, out));
}

void OtlpProtobufFormat::read_scope(std::string_view logs) {
  event_.begin_scope();
  std::string_view name;
  std::string_view version;
  std::string_view schema_url;
  std::string& attributes = event_.scope_attributes();
  const MemberWriter::Object object = event_.members.open(attributes);
  const auto read_fields = [&](std::string_view scope) {
    for (Message fields = message(scope); fields.next();) {
      switch (fields.tag_and_type()) {
        case delimited(kScopeName):
          name = bytes(fields);
          break;
        case delimited(kScopeVersion):
          version = bytes(fields);
          break;
        case delimited(kScopeAttributes):
          write_pair(bytes(fields), object, 4, "scope", attributes);
          break;
        default:
          fields.skip();
      }
    }
  };
  for (Message parts = message(logs); parts.next();) {
    switch (parts.tag_and_type()) {
      case delimited(kScope):
        read_fields(bytes(parts));
        break;
      case delimited(kSchemaUrl):
        schema_url = bytes(parts);
        break;
      default:
        parts.skip();
    }
  }
  event_.end_scope(event_.members.close(object, attributes), name, version, schema_url);
}

void OtlpProtobufFormat::read_record(std::string_view record, RecordWriter& writer) {
  event_.begin_record();
  EventFields& fields = event_.fields();
  MemberWriter& members = event_.members;
  const MemberWriter::Object object = members.open(fields.attributes);
  std::uint64_t time = 0;
  std::uint64_t observed = 0;
  std::uint32_t dropped = 0;
  for (Message parts = message(record); parts.next();) {
    switch (parts.tag_and_type()) {
      case fixed64(kTime):
        time = parts.get_fixed64();
        break;
      case fixed64(kObservedTime):
        observed = parts.get_fixed64();
        break;
      case varint(kSeverityNumber):
        event_.take_severity(parts.get_int64());
        break;
      case delimited(kSeverityText):
        members.take_text(bytes(parts), limits::kMaxSeverityTextBytes, "severity_text",
                          fields.severity_text);
        break;
      case delimited(kBody):
        fields.body.clear();
        write_value(bytes(parts), 2, "body", fields.body);
        break;
      case delimited(kAttributes): {
        const auto [name, start] =
            write_pair(bytes(parts), object, 3, "attributes", fields.attributes);
        event_.note_attribute(name, std::string_view(fields.attributes).substr(start));
        break;
      }
      case varint(kDroppedAttributes):
        dropped = parts.get_uint32();
        break;
      case fixed32(kFlags):
        event_.take_flags(parts.get_fixed32());
        break;
      case delimited(kTraceId):
        event_.take_trace_id(hex(bytes(parts)));
        break;
      case delimited(kSpanId):
        event_.take_span_id(hex(bytes(parts)));
        break;
      case delimited(kEventName):
        members.take_text(bytes(parts), limits::kMaxEventNameBytes, "event_name",
                          fields.event_name);
        break;
      default:
        parts.skip();
    }
  }
  event_.take_times(time, observed);
  event_.end_attributes(members.close(object, fields.attributes), dropped);
  event_.end_record(writer);
}

bool OtlpProtobufFormat::read_scope_logs(std::string_view logs, RecordWriter& writer) {
  read_scope(logs);
  for (Message parts = message(logs); parts.next();) {
    if (parts.tag_and_type() != delimited(kLogRecords)) {
      parts.skip();
      continue;
    }
    if (writer.full()) return false;
    read_record(bytes(parts), writer);
  }
  return true;
}

bool OtlpProtobufFormat::read_resource_logs(std::string_view logs, RecordWriter& writer) {
  // The resource may stand behind its records.
  read_resource(logs);
  for (Message parts = message(logs); parts.next();) {
    if (parts.tag_and_type() != delimited(kScopeLogs)) {
      parts.skip();
    } else if (!read_scope_logs(bytes(parts), writer)) {
      return false;
    }
  }
  return true;
}

Result<ParsedRecords> OtlpProtobufFormat::parse(std::string& body, const IngestContext& context) {
  ParsedRecords records;
  RecordWriter writer(records, context, body.size());
  try {
    for (Message request = message(body); request.next();) {
      if (request.tag_and_type() != delimited(kResourceLogs)) {
        request.skip();
      } else if (!read_resource_logs(bytes(request), writer)) {
        return too_many_records();
      }
    }
  } catch (const protozero::exception& failure) {
    return protobuf::malformed(failure);
  }
  return records;
}

}  // namespace

std::unique_ptr<Format> otlp_protobuf_format() {
  return std::make_unique<OtlpProtobufFormat>();
}

}  // namespace stormlog::pipeline
