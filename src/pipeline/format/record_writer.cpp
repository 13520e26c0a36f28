#include "pipeline/format/record_writer.hpp"

#include "pipeline/event/batch_codec.hpp"
#include "pipeline/event/identity.hpp"
#include "pipeline/event/limits.hpp"

namespace stormlog::pipeline {

RecordWriter::RecordWriter(ParsedRecords& records, const IngestContext& context,
                           std::size_t body_bytes)
    : records_(records), context_(context) {
  records_.frames.reserve(body_bytes + body_bytes / 2 + 256);
}

void RecordWriter::refuse(FieldError error) {
  // Until the first refused record the two counts are the same, and no list is kept.
  if (records_.errors.empty()) {
    for (std::uint32_t i = 0; i < records_.count; ++i) records_.indices.push_back(i);
  }
  records_.errors.push_back({records_.total, std::move(error)});
  ++records_.total;
}

void RecordWriter::add(EventFields& fields) {
  if (auto error = complete(fields)) return refuse(*std::move(error));
  const Uuid id = fields.id ? *fields.id
                  : !context_.idempotency_key.empty()
                      ? derived_id(context_.idempotency_key, records_.total)
                      : context_.ids->next();
  const std::string_view key = fields.key ? *fields.key : fields.service;
  // The request's trace context is that of this hop; without one the event's own is better than
  // none.
  std::string_view traceparent = context_.traceparent;
  if (traceparent.empty() && !fields.trace_id.empty() && !fields.span_id.empty()) {
    own_trace_ = "00-" + fields.trace_id + "-" + fields.span_id +
                 ((fields.trace_flags.value_or(0) & 1) != 0 ? "-01" : "-00");
    traceparent = own_trace_;
  }
  if (traceparent.empty()) traceparent = context_.new_traceparent;
  FrameWriter writer(records_.frames);
  writer.begin(id, context_.received_ns, key, traceparent, context_.tracestate);
  append_stored_form(fields, id, context_.received_ns, records_.frames);
  if (writer.end() > limits::kMaxEventBytes) {
    writer.abandon();
    return refuse({"too_large", "",
                   "the event is larger than " + std::to_string(limits::kMaxEventBytes) +
                       " bytes in stored form"});
  }
  if (!records_.errors.empty()) records_.indices.push_back(records_.total);
  ++records_.count;
  ++records_.total;
  records_.last_id = id;
}

bool RecordWriter::full() const {
  return records_.total >= limits::kMaxRecords;
}

Error too_many_records() {
  return Error::permanent(
      "more than " + std::to_string(limits::kMaxRecords) + " events in one request", "413");
}

}  // namespace stormlog::pipeline
