// Loki's push in protobuf, packed in a snappy block as its own clients send it. Enumerations below
// are the numbers of the fields. Source: grafana/loki, pkg/push/push.proto.
#include "common/compression/compression.hpp"
#include "pipeline/format/formats.hpp"
#include "pipeline/format/loki_event.hpp"
#include "pipeline/format/loki_labels.hpp"
#include "pipeline/format/protobuf.hpp"

namespace stormlog::pipeline {
namespace {

using protobuf::bytes;
using protobuf::delimited;
using protobuf::message;
using protobuf::varint;
using Message = protobuf::Message;

enum PushRequest : std::uint32_t { kStreams = 1 };
enum Stream : std::uint32_t { kLabels = 1, kEntries = 2 };
enum Entry : std::uint32_t { kTimestamp = 1, kLine = 2, kMetadata = 3 };
enum Timestamp : std::uint32_t { kSeconds = 1, kNanos = 2 };
enum Pair : std::uint32_t { kName = 1, kValue = 2 };

class LokiProtobufFormat final : public Format {
 public:
  Result<ParsedRecords> parse(std::string& body, const IngestContext& context) override;

 private:
  // False when there are too many entries.
  bool read_stream(std::string_view stream, RecordWriter& writer);
  void read_labels(std::string_view stream);
  void read_entry(std::string_view entry, RecordWriter& writer);
  void read_time(std::string_view timestamp);
  void read_metadata(std::string_view pair);

  LokiEvent event_;
};

void LokiProtobufFormat::read_labels(std::string_view stream) {
  std::string_view labels = "{}";
  for (Message parts = message(stream); parts.next();) {
    if (parts.tag_and_type() == delimited(kLabels)) {
      labels = bytes(parts);
    } else {
      parts.skip();
    }
  }
  event_.begin_stream();
  const auto parsed = parse_loki_labels(
      labels,
      [this](std::string_view name, const std::string& value) { event_.label(name, value); });
  if (!parsed.ok()) event_.refuse_stream("invalid", "labels", parsed.error().message);
  event_.end_stream();
}

void LokiProtobufFormat::read_time(std::string_view timestamp) {
  constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
  constexpr std::int64_t kMaxSeconds = INT64_MAX / kNanosPerSecond - 1;
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  for (Message parts = message(timestamp); parts.next();) {
    switch (parts.tag_and_type()) {
      case varint(kSeconds):
        seconds = parts.get_int64();
        break;
      case varint(kNanos):
        nanos = parts.get_int64();
        break;
      default:
        parts.skip();
    }
  }
  if (seconds < 0 || seconds > kMaxSeconds || nanos < 0 || nanos >= kNanosPerSecond) {
    return event_.refuse("invalid", "timestamp", "the timestamp lies outside of 1970 to 2262");
  }
  event_.take_time(static_cast<std::uint64_t>(seconds * kNanosPerSecond + nanos));
}

void LokiProtobufFormat::read_metadata(std::string_view pair) {
  std::string_view name;
  std::string_view value;
  for (Message parts = message(pair); parts.next();) {
    switch (parts.tag_and_type()) {
      case delimited(kName):
        name = bytes(parts);
        break;
      case delimited(kValue):
        value = bytes(parts);
        break;
      default:
        parts.skip();
    }
  }
  event_.metadata(name, value);
}

void LokiProtobufFormat::read_entry(std::string_view entry, RecordWriter& writer) {
  event_.begin_entry();
  event_.take_line("");  // protobuf leaves an empty one out
  bool has_time = false;
  for (Message parts = message(entry); parts.next();) {
    switch (parts.tag_and_type()) {
      case delimited(kTimestamp):
        has_time = true;
        read_time(bytes(parts));
        break;
      case delimited(kLine):
        event_.take_line(bytes(parts));
        break;
      case delimited(kMetadata):
        read_metadata(bytes(parts));
        break;
      default:
        parts.skip();
    }
  }
  if (!has_time) event_.refuse("missing", "timestamp", "an entry needs a timestamp");
  event_.end_entry(writer);
}

bool LokiProtobufFormat::read_stream(std::string_view stream, RecordWriter& writer) {
  // The labels may stand behind the entries.
  read_labels(stream);
  for (Message parts = message(stream); parts.next();) {
    if (parts.tag_and_type() != delimited(kEntries)) {
      parts.skip();
      continue;
    }
    if (writer.full()) return false;
    read_entry(bytes(parts), writer);
  }
  return true;
}

Result<ParsedRecords> LokiProtobufFormat::parse(std::string& body, const IngestContext& context) {
  auto push = compression::unsnappy(body, context.max_body_bytes);
  if (!push.ok()) {
    return Error::permanent("the body is " + push.error().message,
                            push.error().code == compression::kTooLarge ? "413" : "400");
  }
  // The views of what is read point into it.
  body = *std::move(push);
  ParsedRecords records;
  RecordWriter writer(records, context, body.size());
  try {
    for (Message request = message(body); request.next();) {
      if (request.tag_and_type() != delimited(kStreams)) {
        request.skip();
      } else if (!read_stream(bytes(request), writer)) {
        return too_many_records();
      }
    }
  } catch (const protozero::exception& failure) {
    return protobuf::malformed(failure);
  }
  return records;
}

}  // namespace

std::unique_ptr<Format> loki_protobuf_format() {
  return std::make_unique<LokiProtobufFormat>();
}

}  // namespace stormlog::pipeline
