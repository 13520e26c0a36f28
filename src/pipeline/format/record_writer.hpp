#pragma once

#include <string>

#include "common/base/result.hpp"
#include "pipeline/event/event_fields.hpp"
#include "pipeline/format/parsed_records.hpp"

namespace stormlog::pipeline {

// Puts a request's records, one after another, among its events or its errors.
class RecordWriter {
 public:
  // Both must outlive it. `body_bytes`: of the request, to guess the memory that is needed.
  RecordWriter(ParsedRecords& records, const IngestContext& context, std::size_t body_bytes);

  // The next record is an event with these fields; or refused for what no single field shows.
  void add(EventFields& fields);
  // The next record is none.
  void refuse(FieldError error);
  // One more would be too many: the request is answered 413.
  bool full() const;

 private:
  ParsedRecords& records_;
  const IngestContext& context_;
  std::string own_trace_;
};

// What a request with more than limits::kMaxRecords is told.
Error too_many_records();

}  // namespace stormlog::pipeline
