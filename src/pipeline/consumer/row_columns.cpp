#include "pipeline/consumer/row_columns.hpp"

#include <array>

namespace stormlog::pipeline {
namespace {

using postgres::BinaryArray;
using postgres::Element;

struct Column {
  const char* name;
  const char* type;
  Element element;
};

// In the order in which write_row() gives them.
constexpr std::array<Column, 19> kColumns = {{
    {"id", "uuid", Element::uuid},
    {"ts", "timestamptz", Element::timestamptz},
    {"ts_ns", "bigint", Element::int8},
    {"observed_ts_ns", "bigint", Element::int8},
    {"service", "text", Element::text},
    {"severity_number", "smallint", Element::int2},
    {"severity_text", "text", Element::text},
    {"body", "text", Element::text},
    {"body_is_json", "boolean", Element::boolean},
    {"trace_id", "text", Element::text},
    {"span_id", "text", Element::text},
    {"trace_flags", "smallint", Element::int2},
    {"event_name", "text", Element::text},
    {"attributes", "jsonb", Element::jsonb},
    {"resource", "jsonb", Element::jsonb},
    {"scope", "jsonb", Element::jsonb},
    {"kafka_partition", "integer", Element::int4},
    {"kafka_offset", "bigint", Element::int8},
    {"id_time", "timestamptz", Element::timestamptz},
}};

std::string names() {
  std::string list;
  for (const Column& column : kColumns) {
    list += (list.empty() ? "" : ", ") + std::string(column.name);
  }
  return list;
}

// timestamptz holds microseconds; the nanoseconds stay beside it. Rounds down, also before 1970.
std::int64_t to_us(std::int64_t ns) {
  return ns / 1000 - (ns % 1000 < 0 ? 1 : 0);
}

template <typename Out>
void add_or_null(Out&& out, const std::string& text) {
  if (text.empty()) {
    out.add_null();
  } else {
    out.add_text(text);
  }
}

template <typename Out>
void add_object(Out&& out, const std::string& json) {
  out.add_jsonb(json.empty() ? std::string_view("{}") : std::string_view(json));
}

// `next()` gives where the next column's value goes.
template <typename Next>
void write_row(const LogRow& row, std::optional<WallTime> id_time, Next next) {
  const EventRecord& event = row.event;
  next().add_uuid(event.id.bytes.data());
  next().add_timestamp(to_us(event.timestamp_ns));
  next().add_int(event.timestamp_ns);
  next().add_int(event.observed_timestamp_ns);
  next().add_text(event.service);
  next().add_int(event.severity_number);
  next().add_text(event.severity_text);
  next().add_text(event.body);
  next().add_bool(event.body_is_json);
  add_or_null(next(), event.trace_id);
  add_or_null(next(), event.span_id);
  next().add_int(event.trace_flags);
  add_or_null(next(), event.event_name);
  add_object(next(), event.attributes);
  add_object(next(), event.resource);
  add_object(next(), event.scope);
  next().add_int(row.partition);
  next().add_int(row.offset);
  next().add_timestamp(id_time ? to_us(id_time->time_since_epoch().count())
                               : postgres::kMinusInfinity);
}

}  // namespace

RowColumns::RowColumns() {
  for (const Column& column : kColumns) columns_.emplace_back(column.element);
}

const std::string& RowColumns::insert_sql() {
  static const std::string kSql = [] {
    std::string arrays;
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      arrays += (i == 0 ? "$" : ", $") + std::to_string(i + 1) + "::" + kColumns[i].type + "[]";
    }
    // Without columns: each partition has its own unique index.
    return "WITH stored AS (INSERT INTO logs (" + names() + ") SELECT * FROM UNNEST(" + arrays +
           ") ON CONFLICT DO NOTHING RETURNING kafka_partition) SELECT kafka_partition, count(*) "
           "FROM stored GROUP BY kafka_partition";
  }();
  return kSql;
}

void RowColumns::add(const LogRow& row, std::optional<WallTime> id_time) {
  std::size_t column = 0;
  write_row(row, id_time, [&]() -> BinaryArray& { return columns_[column++]; });
}

postgres::Params RowColumns::take() {
  postgres::Params params;
  for (BinaryArray& column : columns_) params.push_back(column.take());
  return params;
}

RowCopy::RowCopy()
    : rows_([] {
        std::vector<Element> elements;
        for (const Column& column : kColumns) elements.push_back(column.element);
        return elements;
      }()) {}

const std::string& RowCopy::copy_sql() {
  static const std::string kSql = "COPY logs (" + names() + ") FROM STDIN (FORMAT binary)";
  return kSql;
}

void RowCopy::add(const LogRow& row, std::optional<WallTime> id_time) {
  rows_.begin_row();
  write_row(row, id_time, [this]() -> postgres::CopyRows& { return rows_; });
}

}  // namespace stormlog::pipeline
