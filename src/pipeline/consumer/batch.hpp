#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.hpp"
#include "pipeline/event/event.hpp"

namespace stormlog::pipeline {

// What a record's headers say of its trace; dead letters keep it, so that a replay goes on with it.
struct TraceHeaders {
  std::string traceparent;
  std::string tracestate;
};

// One record of Kafka on its way to the table. The payload is kept: what PostgreSQL refuses goes to
// the dead letters as it came.
struct LogRow {
  EventRecord event;
  int partition = 0;
  std::int64_t offset = 0;
  WallTime produced{};  // Kafka's timestamp; the epoch when there is none
  std::string key;
  std::string payload;
  TraceHeaders trace;
};

// A record that can never be stored, and why.
struct DeadLetter {
  std::string id;  // the event's id as text; "" when unknown
  int partition = 0;
  std::int64_t offset = 0;
  std::string code;  // an SQLSTATE, or "decode"
  std::string reason;
  std::string key;
  std::string payload;
  TraceHeaders trace;
};

// What one transaction does for one partition: moves its offset from `expected` to `next` and
// stores what lies between. Both lists ascend by offset.
// `gaps`: offset of a record → offsets before it that Kafka has nothing at.
struct PartitionBatch {
  int partition = 0;
  std::int64_t expected = 0;
  std::int64_t next = 0;
  std::vector<LogRow> rows;
  std::vector<DeadLetter> dead;
  std::map<std::int64_t, std::int64_t> gaps;
  std::size_t bytes = 0;  // of their payloads

  // Cuts it before rows[at] into two that follow each other. Needs 0 < at < rows.size().
  std::pair<PartitionBatch, PartitionBatch> split(std::size_t at) &&;
};

// Turns a row that PostgreSQL refused into a dead letter.
DeadLetter bury(LogRow&& row, std::string code, std::string reason);

// Text that PostgreSQL takes: what is not UTF-8, and NUL, become '?'; cut to `max_bytes`.
std::string safe_text(std::string_view text, std::size_t max_bytes);

}  // namespace stormlog::pipeline
