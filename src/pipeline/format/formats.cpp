#include "pipeline/format/formats.hpp"

namespace stormlog::pipeline {

std::span<const FormatEntry> formats() {
  static constexpr FormatEntry kAll[] = {
      {Protocol::events, "application/cloudevents+json", cloud_event_format},
      {Protocol::events, "application/cloudevents-batch+json", cloud_event_batch_format},
      {Protocol::events, "", cloud_event_binary_format, "ce-specversion"},
      {Protocol::events, "application/json", json_format},
      {Protocol::events, "application/x-ndjson", ndjson_format},
      {Protocol::events, "application/ndjson", ndjson_format},
      {Protocol::events, "application/jsonl", ndjson_format},
      {Protocol::events, "application/x-jsonlines", ndjson_format},
      {Protocol::otlp, "application/x-protobuf", otlp_protobuf_format},
      {Protocol::otlp, "application/json", otlp_json_format},
      {Protocol::loki, "application/json", loki_json_format},
      {Protocol::loki, "application/x-protobuf", loki_protobuf_format, "", "snappy"},
  };
  return kAll;
}

}  // namespace stormlog::pipeline
