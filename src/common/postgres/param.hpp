#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stormlog::postgres {

// One value of a statement's $1, $2, …: text, NULL, or PostgreSQL's binary form.
struct Param {
  std::string value;
  bool null = false;
  bool binary = false;
  unsigned type = 0;  // OID; 0 leaves the type to the server

  Param(std::string text) : value(std::move(text)) {}  // NOLINT: implicit
  Param(std::string_view text) : value(text) {}        // NOLINT: implicit
  Param(const char* text) : value(text) {}             // NOLINT: implicit
  Param(std::nullopt_t) : null(true) {}                // NOLINT: implicit
  template <std::integral T>
  Param(T number) : value(std::to_string(number)) {}      // NOLINT: implicit
  Param(bool truth) : value(truth ? "true" : "false") {}  // NOLINT: implicit

  static Param of_binary(std::string bytes, unsigned type) {
    Param param(std::move(bytes));
    param.binary = true;
    param.type = type;
    return param;
  }
};

using Params = std::vector<Param>;

// PostgreSQL's -infinity, for add_timestamp().
inline constexpr std::int64_t kMinusInfinity = INT64_MIN;

enum class Element { boolean, bytea, int2, int4, int8, jsonb, text, timestamptz, uuid };

// A one-dimensional array in PostgreSQL's binary form, for UNNEST: no quoting on this side and no
// parsing on the other.
//
// Threads: caller synchronises.
// Source:  src/backend/utils/adt/arrayfuncs.c, array_recv().
class BinaryArray {
 public:
  explicit BinaryArray(Element element);

  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  void add_null();
  void add_bool(bool value);
  void add_int(std::int64_t value);       // int2, int4 or int8, as the array holds
  void add_text(std::string_view value);  // also bytea
  void add_jsonb(std::string_view json);
  void add_uuid(const std::uint8_t* bytes16);
  void add_timestamp(std::int64_t unix_us);

  std::int32_t size() const { return count_; }
  // The parameter; the array is empty afterwards.
  Param take();

 private:
  void header();

  Element element_;
  std::string bytes_;
  std::int32_t count_ = 0;
  bool has_null_ = false;
};

// Rows in the binary form of COPY … FROM STDIN (FORMAT binary): begin_row(), then one add for each
// column in their order.
//
// Threads: caller synchronises.
// Source:  PostgreSQL's manual, COPY, "Binary Format".
class CopyRows {
 public:
  explicit CopyRows(std::vector<Element> columns);

  void begin_row();
  void add_null();
  void add_bool(bool value);
  void add_int(std::int64_t value);
  void add_text(std::string_view value);
  void add_jsonb(std::string_view json);
  void add_uuid(const std::uint8_t* bytes16);
  void add_timestamp(std::int64_t unix_us);

  // With its head and its end; empty afterwards.
  std::string take();

 private:
  Element next();

  std::vector<Element> columns_;
  std::size_t column_ = 0;
  std::string bytes_;
};

}  // namespace stormlog::postgres
