#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/event/event_fields.hpp"
#include "pipeline/format/member_writer.hpp"
#include "pipeline/format/record_writer.hpp"

namespace stormlog::pipeline {

// What is the same for both encodings of Loki's push: how streams and entries become events.
// docs/formats.md shows it to users.
//
// An entry's id is made of its labels, time, line and metadata: Loki takes equal entries of a
// stream for one, and so a client may send a batch again after any failure.
// Source: Loki HTTP API, "Ingest logs"; Loki, "Out-of-order and duplicate log entries".
class LokiEvent {
 public:
  // What is wrong with a stream is wrong with each of its entries.
  void begin_stream();
  void label(std::string_view name, std::string_view value);
  void refuse_stream(std::string code, std::string_view field, std::string detail);
  void end_stream();

  void begin_entry();
  void take_time(std::uint64_t unix_ns);
  void refuse(std::string code, std::string_view field, std::string detail);
  void take_line(std::string_view line);
  void metadata(std::string_view name, std::string_view value);
  void end_entry(RecordWriter& writer);

 private:
  MemberWriter members_;
  MemberWriter::Object object_;
  EventFields fields_;
  std::string labels_;
  std::string service_;
  std::size_t service_rank_ = 0;
  std::string level_;
  std::optional<FieldError> stream_error_;
};

}  // namespace stormlog::pipeline
