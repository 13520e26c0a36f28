#include "common/postgres/param.hpp"

#include <cassert>

namespace stormlog::postgres {
namespace {

struct Oids {
  unsigned element;
  unsigned array;
};

// Fixed for ever in pg_type.dat.
Oids oids(Element element) {
  switch (element) {
    case Element::boolean:
      return {16, 1000};
    case Element::bytea:
      return {17, 1001};
    case Element::int2:
      return {21, 1005};
    case Element::int4:
      return {23, 1007};
    case Element::int8:
      return {20, 1016};
    case Element::jsonb:
      return {3802, 3807};
    case Element::text:
      return {25, 1009};
    case Element::timestamptz:
      return {1184, 1185};
    case Element::uuid:
      return {2950, 2951};
  }
  return {25, 1009};
}

constexpr int kHeaderBytes = 20;
// 2000-01-01 after 1970-01-01, in microseconds.
constexpr std::int64_t kPostgresEpochUs = 946'684'800'000'000;

void store(char* out, std::uint64_t value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>(value & 0xFF);
    value >>= 8;
  }
}

void put(std::string& bytes, std::uint64_t value, int width) {
  char buffer[8];
  store(buffer, value, width);
  bytes.append(buffer, static_cast<std::size_t>(width));
}

// Each value is its length and its bytes, in arrays as in rows of COPY.
void put_null(std::string& bytes) {
  put(bytes, 0xFFFFFFFF, 4);
}

void put_bool(std::string& bytes, Element element, bool value) {
  assert(element == Element::boolean);
  (void)element;
  put(bytes, 1, 4);
  put(bytes, value ? 1 : 0, 1);
}

void put_int(std::string& bytes, Element element, std::int64_t value) {
  const int width = element == Element::int2 ? 2 : element == Element::int4 ? 4 : 8;
  put(bytes, static_cast<std::uint64_t>(width), 4);
  put(bytes, static_cast<std::uint64_t>(value), width);
}

void put_text(std::string& bytes, std::string_view value) {
  put(bytes, value.size(), 4);
  bytes.append(value);
}

void put_jsonb(std::string& bytes, Element element, std::string_view json) {
  assert(element == Element::jsonb);
  (void)element;
  put(bytes, json.size() + 1, 4);
  put(bytes, 1, 1);  // the version of jsonb's binary form
  bytes.append(json);
}

void put_uuid(std::string& bytes, Element element, const std::uint8_t* bytes16) {
  assert(element == Element::uuid);
  (void)element;
  put_text(bytes, {reinterpret_cast<const char*>(bytes16), 16});
}

void put_timestamp(std::string& bytes, Element element, std::int64_t unix_us) {
  assert(element == Element::timestamptz);
  (void)element;
  put(bytes, 8, 4);
  const std::int64_t us = unix_us == kMinusInfinity ? unix_us : unix_us - kPostgresEpochUs;
  put(bytes, static_cast<std::uint64_t>(us), 8);
}

}  // namespace

BinaryArray::BinaryArray(Element element) : element_(element) {
  header();
}

void BinaryArray::header() {
  bytes_.assign(kHeaderBytes, '\0');
}

void BinaryArray::add_null() {
  put_null(bytes_);
  has_null_ = true;
  ++count_;
}

void BinaryArray::add_bool(bool value) {
  put_bool(bytes_, element_, value);
  ++count_;
}

void BinaryArray::add_int(std::int64_t value) {
  put_int(bytes_, element_, value);
  ++count_;
}

void BinaryArray::add_text(std::string_view value) {
  put_text(bytes_, value);
  ++count_;
}

void BinaryArray::add_jsonb(std::string_view json) {
  put_jsonb(bytes_, element_, json);
  ++count_;
}

void BinaryArray::add_uuid(const std::uint8_t* bytes16) {
  put_uuid(bytes_, element_, bytes16);
  ++count_;
}

void BinaryArray::add_timestamp(std::int64_t unix_us) {
  put_timestamp(bytes_, element_, unix_us);
  ++count_;
}

Param BinaryArray::take() {
  // dimensions, has-null, element type, length, lower bound
  store(bytes_.data(), count_ == 0 ? 0 : 1, 4);
  store(bytes_.data() + 4, has_null_ ? 1 : 0, 4);
  store(bytes_.data() + 8, oids(element_).element, 4);
  store(bytes_.data() + 12, static_cast<std::uint64_t>(count_), 4);
  store(bytes_.data() + 16, 1, 4);
  if (count_ == 0) bytes_.resize(12);
  Param param = Param::of_binary(std::move(bytes_), oids(element_).array);
  header();
  count_ = 0;
  has_null_ = false;
  return param;
}

CopyRows::CopyRows(std::vector<Element> columns) : columns_(std::move(columns)) {
  column_ = columns_.size();
}

void CopyRows::begin_row() {
  assert(column_ == columns_.size());
  if (bytes_.empty()) {
    bytes_.append("PGCOPY\n\377\r\n\0", 11);
    put(bytes_, 0, 4);  // flags
    put(bytes_, 0, 4);  // no more of a head
  }
  put(bytes_, columns_.size(), 2);
  column_ = 0;
}

Element CopyRows::next() {
  assert(column_ < columns_.size());
  return columns_[column_++];
}

void CopyRows::add_null() {
  (void)next();
  put_null(bytes_);
}

void CopyRows::add_bool(bool value) {
  put_bool(bytes_, next(), value);
}

void CopyRows::add_int(std::int64_t value) {
  put_int(bytes_, next(), value);
}

void CopyRows::add_text(std::string_view value) {
  (void)next();
  put_text(bytes_, value);
}

void CopyRows::add_jsonb(std::string_view json) {
  put_jsonb(bytes_, next(), json);
}

void CopyRows::add_uuid(const std::uint8_t* bytes16) {
  put_uuid(bytes_, next(), bytes16);
}

void CopyRows::add_timestamp(std::int64_t unix_us) {
  put_timestamp(bytes_, next(), unix_us);
}

std::string CopyRows::take() {
  assert(column_ == columns_.size());
  put(bytes_, 0xFFFF, 2);
  return std::exchange(bytes_, {});
}

}  // namespace stormlog::postgres
