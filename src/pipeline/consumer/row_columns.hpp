#pragma once

#include "common/postgres/param.hpp"
#include "pipeline/consumer/batch.hpp"

namespace stormlog::pipeline {

// Rows as the columns of one INSERT … SELECT FROM UNNEST … ON CONFLICT (id) DO NOTHING.
//
// Threads: caller synchronises.
class RowColumns {
 public:
  RowColumns();

  static const char* insert_sql();
  void add(const LogRow& row);
  // One parameter for each column; empty afterwards.
  postgres::Params take();

 private:
  postgres::BinaryArray id_, ts_, ts_ns_, observed_, service_, severity_, severity_text_, body_,
      body_is_json_, trace_id_, span_id_, trace_flags_, event_name_, attributes_, resource_, scope_,
      partition_, offset_;
};

}  // namespace stormlog::pipeline
