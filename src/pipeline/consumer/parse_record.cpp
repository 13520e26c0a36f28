#include "pipeline/consumer/parse_record.hpp"

namespace stormlog::pipeline {
namespace {

constexpr std::size_t kMaxReason = 500;

TraceHeaders trace_of(const SourceRecord& record) {
  return {std::string(record.traceparent), std::string(record.tracestate)};
}

}  // namespace

void parse(const SourceRecord& record, PartitionBatch& batch) {
  Result<EventRecord> event = decode_stored(record.payload);
  if (!event) {
    DeadLetter letter;
    letter.id = std::string(record.id);
    letter.partition = record.partition;
    letter.offset = record.offset;
    letter.code = "decode";
    letter.reason = safe_text(event.error().message, kMaxReason);
    letter.key = std::string(record.key);
    letter.payload = std::string(record.payload);
    letter.trace = trace_of(record);
    batch.bytes += letter.payload.size();
    batch.dead.push_back(std::move(letter));
    return;
  }
  LogRow& row = batch.rows.emplace_back();  // in its place: it is large to move
  row.event = std::move(*event);
  row.partition = record.partition;
  row.offset = record.offset;
  row.produced = record.timestamp.value_or(WallTime{});
  row.key = std::string(record.key);
  row.payload = std::string(record.payload);
  row.trace = trace_of(record);
  batch.bytes += row.payload.size();
}

}  // namespace stormlog::pipeline
