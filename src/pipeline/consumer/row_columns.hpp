#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "common/postgres/param.hpp"
#include "pipeline/consumer/batch.hpp"

namespace stormlog::pipeline {

// Rows as the columns of one INSERT … SELECT FROM UNNEST … ON CONFLICT DO NOTHING, with the time in
// each id (id_time()). It tells how many are new: (partition, count).
//
// Threads: caller synchronises.
class RowColumns {
 public:
  RowColumns();

  static const std::string& insert_sql();
  void add(const LogRow& row, std::optional<WallTime> id_time);
  // One parameter for each column; empty afterwards.
  postgres::Params take();

 private:
  std::vector<postgres::BinaryArray> columns_;
};

// The same columns as the data of a COPY: faster, and an error where an id is known already.
//
// Threads: caller synchronises.
class RowCopy {
 public:
  RowCopy();

  static const std::string& copy_sql();
  void add(const LogRow& row, std::optional<WallTime> id_time);
  std::string take() { return rows_.take(); }

 private:
  postgres::CopyRows rows_;
};

}  // namespace stormlog::pipeline
