#include "pipeline/consumer/row_columns.hpp"

namespace stormlog::pipeline {
namespace {

using postgres::BinaryArray;
using postgres::Element;

// timestamptz holds microseconds; the nanoseconds stay beside it. Rounds down, also before 1970.
std::int64_t to_us(std::int64_t ns) {
  return ns / 1000 - (ns % 1000 < 0 ? 1 : 0);
}

void add_or_null(BinaryArray& array, const std::string& text) {
  if (text.empty()) {
    array.add_null();
  } else {
    array.add_text(text);
  }
}

void add_object(BinaryArray& array, const std::string& json) {
  array.add_jsonb(json.empty() ? std::string_view("{}") : std::string_view(json));
}

}  // namespace

RowColumns::RowColumns()
    : id_(Element::uuid),
      ts_(Element::timestamptz),
      ts_ns_(Element::int8),
      observed_(Element::int8),
      service_(Element::text),
      severity_(Element::int2),
      severity_text_(Element::text),
      body_(Element::text),
      body_is_json_(Element::boolean),
      trace_id_(Element::text),
      span_id_(Element::text),
      trace_flags_(Element::int2),
      event_name_(Element::text),
      attributes_(Element::jsonb),
      resource_(Element::jsonb),
      scope_(Element::jsonb),
      partition_(Element::int4),
      offset_(Element::int8) {}

const char* RowColumns::insert_sql() {
  return "INSERT INTO logs (id, ts, ts_ns, observed_ts_ns, service, severity_number, "
         "severity_text, body, body_is_json, trace_id, span_id, trace_flags, event_name, "
         "attributes, resource, scope, kafka_partition, kafka_offset) "
         "SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], "
         "$5::text[], $6::smallint[], $7::text[], $8::text[], $9::boolean[], $10::text[], "
         "$11::text[], $12::smallint[], $13::text[], $14::jsonb[], $15::jsonb[], $16::jsonb[], "
         "$17::integer[], $18::bigint[]) ON CONFLICT (id) DO NOTHING";
}

void RowColumns::add(const LogRow& row) {
  const EventRecord& event = row.event;
  id_.add_uuid(event.id.bytes.data());
  ts_.add_timestamp(to_us(event.timestamp_ns));
  ts_ns_.add_int(event.timestamp_ns);
  observed_.add_int(event.observed_timestamp_ns);
  service_.add_text(event.service);
  severity_.add_int(event.severity_number);
  severity_text_.add_text(event.severity_text);
  body_.add_text(event.body);
  body_is_json_.add_bool(event.body_is_json);
  add_or_null(trace_id_, event.trace_id);
  add_or_null(span_id_, event.span_id);
  trace_flags_.add_int(event.trace_flags);
  add_or_null(event_name_, event.event_name);
  add_object(attributes_, event.attributes);
  add_object(resource_, event.resource);
  add_object(scope_, event.scope);
  partition_.add_int(row.partition);
  offset_.add_int(row.offset);
}

postgres::Params RowColumns::take() {
  postgres::Params params;
  for (BinaryArray* column :
       {&id_, &ts_, &ts_ns_, &observed_, &service_, &severity_, &severity_text_, &body_,
        &body_is_json_, &trace_id_, &span_id_, &trace_flags_, &event_name_, &attributes_,
        &resource_, &scope_, &partition_, &offset_}) {
    params.push_back(column->take());
  }
  return params;
}

}  // namespace stormlog::pipeline
